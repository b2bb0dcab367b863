/** The camera: opened, turned round, lit, and shut again when the screen is left. */
import { useCallback, useEffect, useRef, useState, type RefObject } from 'react';

export type Problem = 'denied' | 'none' | 'insecure';
export type Facing = 'environment' | 'user';

export interface Camera {
  video: RefObject<HTMLVideoElement | null>;
  ready: boolean;
  problem: Problem | null;
  facing: Facing;
  flip: () => void;
  /** Whether the torch is lit; null where there is none. */
  torch: boolean | null;
  light: (lit: boolean) => void;
}

type WithTorch = MediaTrackCapabilities & { torch?: boolean };

function problemOf(error: unknown): Problem {
  return error instanceof DOMException && error.name === 'NotAllowedError' ? 'denied' : 'none';
}

async function open(facing: Facing): Promise<MediaStream> {
  return navigator.mediaDevices.getUserMedia({
    audio: false,
    video: { facingMode: { ideal: facing }, width: { ideal: 1920 }, height: { ideal: 1080 } },
  });
}

export function useCamera(): Camera {
  const video = useRef<HTMLVideoElement>(null);
  const track = useRef<MediaStreamTrack | null>(null);
  const [facing, setFacing] = useState<Facing>('environment');
  const [ready, setReady] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(navigator.mediaDevices ? null : 'insecure');
  const [torch, setTorch] = useState<boolean | null>(null);
  useEffect(() => {
    if (!navigator.mediaDevices) return;
    let left = false;
    const stop = (stream: MediaStream | null): void => stream?.getTracks().forEach((one) => one.stop());
    let stream: MediaStream | null = null;
    setReady(false);
    open(facing).then(
      async (opened) => {
        stream = opened;
        if (left || !video.current) return stop(opened);
        track.current = opened.getVideoTracks()[0] ?? null;
        track.current?.addEventListener('ended', () => !left && setProblem('none')); // pulled out, or taken back
        const able = track.current?.getCapabilities?.() as WithTorch | undefined;
        setTorch(able?.torch ? false : null);
        video.current.srcObject = opened;
        await video.current.play().catch(() => undefined);
        setReady(true);
      },
      (error: unknown) => !left && setProblem(problemOf(error)),
    );
    return () => {
      left = true;
      stop(stream);
    };
  }, [facing]);
  const light = useCallback((lit: boolean) => {
    const wanted = { advanced: [{ torch: lit } as MediaTrackConstraintSet] };
    void track.current?.applyConstraints(wanted).then(
      () => setTorch(lit),
      () => setTorch(null),
    );
  }, []);
  const flip = useCallback(() => setFacing((now) => (now === 'environment' ? 'user' : 'environment')), []);
  return { video, ready, problem, facing, flip, torch, light };
}
