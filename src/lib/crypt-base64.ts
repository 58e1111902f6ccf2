const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Groups of bytes as crypt(3) writes them: six bits a digit, the lowest first, of a number whose first byte is the highest. */
export function cryptBase64(groups: readonly (readonly number[])[]): string {
  return groups
    .map((bytes) => {
      let number = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
      return Array.from({ length: Math.ceil((bytes.length * 8) / 6) }, () => {
        const digit = DIGITS.charAt(number % 64);
        number = Math.floor(number / 64);
        return digit;
      }).join('');
    })
    .join('');
}
