/** The fake takes nothing that the kernel would refuse, and nothing that our renderer does not write. */
export class FakeNftRefusal extends Error {
  override readonly name = 'FakeNftRefusal';
}

export function refuse(message: string): never {
  throw new FakeNftRefusal(message);
}
