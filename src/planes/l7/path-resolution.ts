/**
 * Whether a path may be written otherwise than it is looked up (escapes, empty elements, dots), so that `sluice.lua` has to resolve it. Both
 * who looks it up and who cuts it ask so: a path that only one of them resolved could leave the prefix of its route.
 */
export const IS_RESOLVED = '{ path -m sub % // /. }';
