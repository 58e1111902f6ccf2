import { supported, type AnnotationFamily } from './row.ts';

/** What Kubernetes itself gave a meaning. */
export const KUBERNETES: AnnotationFamily = {
  title: 'Kubernetes',
  prefixes: ['kubernetes.io/'],
  isComplete: false,
  rows: [
    supported('ingress.class', 'Names the class, where `spec.ingressClassName` does not.', (value) => ({
      className: value.text(),
    })),
  ],
};
