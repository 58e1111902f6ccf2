import { switchOn } from './flag.ts';

/** Sluice in the place of an ingress-nginx. */
export const INGRESS_NGINX_FLAGS = {
  isOn: switchOn({
    flag: '--as-ingress-nginx',
    help: 'serve what ingress-nginx served: class nginx, controller k8s.io/ingress-nginx. The arguments of its Deployment may follow after --',
    isChecked: true,
  }),
  isClassByName: switchOn({
    flag: '--ingress-class-by-name',
    help: 'for --as-ingress-nginx: serve the class of --ingress-class also where its IngressClass names another controller',
    isChecked: true,
  }),
};
