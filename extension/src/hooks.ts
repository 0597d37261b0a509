/** React's side of signals. */

import type { CommandRegistry } from '@lumino/commands';
import type { ISignal } from '@lumino/signaling';
import type { RefObject } from 'react';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

import type { RequestError } from './request';
import { asRequestError } from './request';

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

/** Draw again whenever this command changes; Lab tells of its own ones with every key press. */
export function useCommand(commands: CommandRegistry, id: string): void {
  const [, draw] = useState(0);
  useEffect(() => {
    const slot = (_: CommandRegistry, changed: CommandRegistry.ICommandChangedArgs) =>
      changed.id === id ? draw(count => count + 1) : undefined;
    commands.commandChanged.connect(slot);
    return () => void commands.commandChanged.disconnect(slot);
  }, [commands, id]);
}

/** A function that is the same one as long as the component lives, and does what it says now. */
export function useStable<A extends unknown[]>(act: (...args: A) => void): (...args: A) => void {
  const latest = useRef(act);
  latest.current = act;
  return useCallback((...args: A) => latest.current(...args), []);
}

export interface IAnswer<T> {
  answer: T | null;
  error: RequestError | null;
}

/** What the server says; asked again when one of `of` changes, the last answer standing till then. */
export function useAnswer<T>(ask: () => Promise<T | null>, of: readonly unknown[]): IAnswer<T> {
  const [found, set] = useState<IAnswer<T>>({ answer: null, error: null });
  useEffect(() => {
    let current = true;
    const settle = (next: IAnswer<T>) => (current ? set(next) : undefined);
    ask().then(
      answer => settle({ answer, error: null }),
      (reason: unknown) => settle({ answer: null, error: asRequestError(reason) })
    );
    return () => {
      current = false;
    };
  }, of);
  return found;
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

export interface ISize {
  width: number;
  height: number;
}

/** How large an element is, told anew when it changes. */
export function useSize(frame: RefObject<HTMLDivElement>): ISize {
  const [size, setSize] = useState<ISize>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) {
      return;
    }
    const measure = () => setSize({ width: element.clientWidth, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  return size;
}
