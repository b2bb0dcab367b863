/** The logistic function and its inverse as `skintag/evaluation/decisions/logistic.py` has them, and Python's `%.4g`. */

/** By how much a network's probability may lie outside [0, 1]. */
export const ROUNDING = 1e-4;

/** `1 / (1 + exp(-x))`. */
export function expit(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** `log(p / (1 - p))`; near one half without the digits that the quotient loses there. */
export function logit(p: number): number {
  if (p >= 0.3 && p <= 0.65) {
    const off = 2 * (p - 0.5);
    return Math.log1p(off) - Math.log1p(-off);
  }
  return Math.log(p / (1 - p));
}

const LEAST = 2.2250738585072014e-308; // the least normal float64
const MOST = 1 - 2 ** -53;

/** The logit of a score; 0 and 1 count as the numbers next to them. */
export function clippedLogit(score: number): number {
  return logit(Math.min(Math.max(score, LEAST), MOST));
}

/** The four leading digits of a positive number, half to even as Python rounds, and its exponent. */
function fourDigits(value: number): { digits: string; exponent: number } {
  const [mantissa = '0', power = '0'] = value.toExponential(100).split('e');
  const all = mantissa.replace('.', '');
  const head = all.slice(0, 4);
  const rest = all.slice(4);
  const half = `5${'0'.repeat(rest.length - 1)}`;
  const odd = Number(head[3]) % 2 === 1;
  const up = rest > half || (rest === half && odd);
  const rounded = String(Number(head) + (up ? 1 : 0));
  const exponent = Number(power);
  return rounded.length > 4 ? { digits: '1000', exponent: exponent + 1 } : { digits: rounded, exponent };
}

/** A number as Python's `format(value, ".4g")` writes it. */
export function format4g(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const sign = value < 0 ? '-' : '';
  const { digits, exponent } = fourDigits(Math.abs(value));
  if (exponent < -4 || exponent >= 4) {
    const tail = digits.slice(1).replace(/0+$/, '');
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}${tail ? `.${tail}` : ''}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  const whole = exponent >= 0 ? digits.slice(0, exponent + 1) : '0';
  const part = exponent >= 0 ? digits.slice(exponent + 1) : '0'.repeat(-exponent - 1) + digits;
  const tail = part.replace(/0+$/, '');
  return `${sign}${whole}${tail ? `.${tail}` : ''}`;
}
