/** React's side of signals. */

import type { ISignal } from '@lumino/signaling';
import { useEffect, useState } from 'react';

/** Draw again whenever one of these signals is told; null is no signal. */
export function useSignals(...signals: (ISignal<unknown, unknown> | null | undefined)[]): void {
  const [, draw] = useState(0);
  useEffect(() => {
    const slot = () => draw(count => count + 1);
    signals.forEach(signal => signal?.connect(slot));
    return () => signals.forEach(signal => signal?.disconnect(slot));
    // The signals themselves are what the effect depends on.
  }, signals);
}

/** The time, in milliseconds, told anew every second while `ticking`. */
export function useClock(ticking: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!ticking) {
      return;
    }
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [ticking]);
  return now;
}
