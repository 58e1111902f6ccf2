import type { PersistentMap } from '../../../lib/persistent-map.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import type { Ingress, IngressClass } from '../../../model/ingress.ts';
import type { ObjectRef } from '../../../model/object.ts';
import type { CompileSettings } from '../../settings.ts';

/** Whether an Ingress is ours to serve; when it is not, perhaps a Finding why. */
export type Claim =
  | { readonly isOurs: true; readonly finding: undefined }
  | { readonly isOurs: false; readonly finding: Finding | undefined };

const OURS: Claim = { isOurs: true, finding: undefined };
const NOT_OURS: Claim = { isOurs: false, finding: undefined };

type ClassSettings = Pick<
  CompileSettings,
  | 'mode'
  | 'ingressClass'
  | 'isIngressClassExplicit'
  | 'controllerClass'
  | 'watchIngressWithoutClass'
  | 'disablesCatchAll'
>;

const CLASS_ANNOTATION = 'metadata.annotations["kubernetes.io/ingress.class"]';

/**
 * Decides whether an Ingress belongs to Sluice (networking.k8s.io/v1 IngressSpec.ingressClassName).
 *
 * In a cluster only what names us is ours, since another controller may be at work beside us. In a
 * folder of manifests everything is meant for us, unless an IngressClass there says otherwise.
 */
export function claimIngress(ingress: Ingress, classes: PersistentMap<IngressClass>, settings: ClassSettings): Claim {
  const claim = claimByClass(ingress, classes, settings);
  if (!claim.isOurs || !settings.disablesCatchAll || ingress.defaultBackend === undefined) return claim;
  const ref: ObjectRef = { kind: 'Ingress', namespace: ingress.meta.namespace, name: ingress.meta.name };
  const message = 'it has a default backend, and --disable-catch-all was given';
  return { isOurs: false, finding: finding('CatchAllDisabled', ref, 'spec.defaultBackend', message) };
}

function claimByClass(ingress: Ingress, classes: PersistentMap<IngressClass>, settings: ClassSettings): Claim {
  const ref: ObjectRef = { kind: 'Ingress', namespace: ingress.meta.namespace, name: ingress.meta.name };
  const { className } = ingress;
  if (className === undefined) return claimWithoutClass(classes, settings);
  const found = classes.get(className);
  // One without a controller is nobody's, and takes nothing from anybody.
  const ingressClass = found?.controller === '' ? undefined : found;
  if (ingressClass?.controller === settings.controllerClass) return OURS;
  const isNamed = className === settings.ingressClass;
  const field = ingress.isClassAnnotated ? CLASS_ANNOTATION : 'spec.ingressClassName';
  if (isNamed && settings.isIngressClassExplicit) return OURS;
  if (settings.mode === 'cluster') {
    // The name by default alone does not take the class of another controller.
    if (isNamed && ingressClass === undefined) return OURS;
    // The annotation is older than IngressClass objects, and the controllers that read it need none.
    const isUnknown = ingressClass === undefined && !ingress.isClassAnnotated;
    return isUnknown ? unknownClass(ref, className) : NOT_OURS;
  }
  if (ingressClass === undefined) return OURS;
  const message = `class "${className}" belongs to the controller "${ingressClass.controller}"`;
  const remedy = `Run with --ingress-class ${className} to serve it, or remove the IngressClass from the manifests.`;
  return { isOurs: false, finding: finding('IngressClassForeign', ref, field, message, remedy) };
}

function claimWithoutClass(classes: PersistentMap<IngressClass>, settings: ClassSettings): Claim {
  if (settings.mode === 'standalone' || settings.watchIngressWithoutClass) return OURS;
  for (const ingressClass of classes.values()) {
    if (ingressClass.isDefault && ingressClass.controller === settings.controllerClass) return OURS;
  }
  return NOT_OURS;
}

function unknownClass(ref: ObjectRef, className: string): Claim {
  const message = `no IngressClass is named "${className}"`;
  return { isOurs: false, finding: finding('IngressClassUnknown', ref, 'spec.ingressClassName', message) };
}
