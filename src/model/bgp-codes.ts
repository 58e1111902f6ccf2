import type { CodeEntry } from './code-entry.ts';

/** Findings about objects of BGP. */
export const BGP_CODES = {
  BgpValueInvalid: {
    code: 'SLU801',
    severity: 'error',
    title:
      'A field of a BGPPeer, BGPAdvertisement, BFDProfile or Community has a value that makes no sense. Without it nothing is announced where it could harm; otherwise the default is used.',
    remedy: 'Correct the field. What the object said before keeps being used where it cannot be used without it.',
  },
  BgpFieldUnsupported: {
    code: 'SLU802',
    severity: 'warning',
    title: 'A field asks for something that BIRD, which speaks BGP here, does not have.',
    remedy: 'Remove the field; what stands in its place is done without it.',
  },
  BgpReferenceMissing: {
    code: 'SLU803',
    severity: 'error',
    title: 'A BGPPeer or BGPAdvertisement names a BFDProfile, a Community or a BGPPeer that does not exist.',
    remedy: 'Create the object in the same namespace, or correct the name.',
  },
  BgpPasswordUnusable: {
    code: 'SLU804',
    severity: 'error',
    title: 'The password of a BGPPeer is missing, or has what BIRD cannot be given; there is no session with the peer.',
    remedy:
      'Create a Secret with the key password in the namespace of the BGPPeer: 1 to 80 printable ASCII characters, no quotation mark.',
  },
  BgpPeerDuplicate: {
    code: 'SLU805',
    severity: 'error',
    title: 'Two BGPPeers lead this node to one neighbour; the younger one is left out.',
    remedy: 'Remove one of the two, or give them nodeSelectors that exclude each other.',
  },
  BgpLocalPrefConflict: {
    code: 'SLU806',
    severity: 'error',
    title: 'Two BGPAdvertisements give one route different local preferences; the older one holds.',
    remedy: 'Give both of them the same localPref, or other peers, pools or lengths.',
  },
  BgpAggregationTooWide: {
    code: 'SLU807',
    severity: 'error',
    title:
      'A BGPAdvertisement would announce more than the pool has: its aggregation length is too short for the pool.',
    remedy: 'Raise the aggregation length to that of the pool, or name other pools.',
  },
} as const satisfies Record<string, CodeEntry>;
