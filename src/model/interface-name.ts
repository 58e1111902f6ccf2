/** IFNAMSIZ leaves 15 characters, of which the kernel takes more than these: nobody names an interface so. */
export function isInterfaceName(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,15}$/.test(text);
}
