import fc from 'fast-check';

// Where a change is judged, chance must not decide: there the cases of properties are the same ones every time. Everywhere else
// they are new ones, which is how properties find what nobody thought of.
if (process.env['CI'] !== undefined) fc.configureGlobal({ seed: 20_261_124 });
