/** Figures as people read them. Pure. */

/** `<0.1 s`, `0.4 s`, `12 s`, `2 min 05 s`, `1 h 03 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) {
    return seconds < 0.05 ? '<0.1 s' : `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const two = (part: number) => String(part).padStart(2, '0');
  if (whole < 60) {
    return `${whole} s`;
  }
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
    : `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

/** As exactly as one can foretell: `5 s`, `40 s`, `3 min`, `1 h 10 min`. */
export function roughly(seconds: number): string {
  const to = (step: number, least: number) => Math.max(Math.round(seconds / step) * step, least);
  if (seconds < 57.5) {
    return `${seconds < 10 ? to(1, 1) : to(5, 10)} s`;
  }
  const minutes = Math.round(to(seconds < 600 ? 60 : 300, 60) / 60);
  const rest = minutes % 60;
  return minutes < 60
    ? `${minutes} min`
    : `${Math.floor(minutes / 60)} h${rest > 0 ? ` ${rest} min` : ''}`;
}

/** A running clock: `0:07`, `2:05`, `1:02:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (part: number) => String(part).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/** Seconds since an instant that the server told. */
export function since(instant: string | null, now: number): number {
  return instant === null ? 0 : (now - Date.parse(instant)) / 1000;
}

/** `48,210`, in the reader's own way. */
export function count(number: number, locale?: string): string {
  return number.toLocaleString(locale);
}

/** The first words of a text, as many as fit into `most` letters. */
export function firstWords(text: string, most: number): string {
  if (text.length <= most) {
    return text;
  }
  const cut = text.slice(0, most);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), most / 2)).trimEnd()}…`;
}
