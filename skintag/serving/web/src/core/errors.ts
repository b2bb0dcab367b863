/** A file of the bundle is not what it has to be; says what was expected, what was found, and what to do. */
export class BundleError extends Error {
  constructor(where: string, expected: string, found: string, fix = 'load the model again') {
    super(`${where}: expected ${expected}, found ${found}; ${fix}`);
    this.name = 'BundleError';
  }
}

/** A photo that cannot be read. */
export class PhotoError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PhotoError';
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
