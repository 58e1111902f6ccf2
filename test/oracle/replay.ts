import type { BackendView, Case, Observation, RawObject, Request } from './case.ts';
import { Certificates } from './certificates.ts';
import { Client, type Jar } from './client.ts';
import { EchoBackends } from './echo.ts';
import { fixtures } from './fixtures.ts';
import { Gateway } from './gateway.ts';
import { substituted, type Ports } from './normal-form.ts';

/** After an answer, how long is waited for what the backends saw besides, in seconds. */
const LOG_WAIT_S = 0.005;

/** Serves cases with Sluice and sends their requests. */
export class Replay {
  readonly gateway: Gateway;
  readonly client: Client;
  readonly #echo: EchoBackends;
  readonly #certificates: Certificates;

  private constructor(gateway: Gateway, echo: EchoBackends, certificates: Certificates) {
    this.gateway = gateway;
    this.#echo = echo;
    this.#certificates = certificates;
    this.client = new Client(gateway.ports, certificates);
  }

  static async start(): Promise<Replay> {
    const certificates = Certificates.make();
    const tls = {
      cert: certificates.read('backend.crt'),
      key: certificates.read('backend.key'),
      ca: certificates.read('tca.crt'),
    };
    const gateway = await Gateway.start();
    return new Replay(gateway, await EchoBackends.start(tls, gateway.ports), certificates);
  }

  async stop(): Promise<void> {
    await this.gateway.stop();
    await this.#echo.stop();
    this.#certificates.remove();
  }

  /** What was observed of each request of a case. */
  async observe(item: Case): Promise<readonly Observation[]> {
    const objects = [...fixtures(), ...item.objects, configMap(item.configmap)];
    await this.gateway.serve(this.prepared(objects, item.ordered === true ? SECOND_MS : 0));
    const jars = new Map<string, Jar>();
    const observations: Observation[] = [];
    for (const recorded of item.requests) {
      const request = substituted(recorded, this.#ports, (file) => this.#certificates.read(file));
      await this.#prepare(request);
      const jar = request.jar === undefined ? undefined : (jars.get(request.jar) ?? new Map<string, string>());
      if (request.jar !== undefined && jar !== undefined) jars.set(request.jar, jar);
      const isSeveral = (request.count ?? 1) > 1 || request.parallel !== undefined;
      observations.push(isSeveral ? await this.#several(request, jar) : await this.#one(request, jar));
    }
    return observations;
  }

  get #ports(): Ports {
    return this.gateway.ports;
  }

  /** Objects as an API server gives them, each created so long after the one before it. */
  prepared(objects: readonly RawObject[], apartMs = 0): readonly RawObject[] {
    const own = substituted(objects, this.#ports, (file) => this.#certificates.read(file));
    return own.map((object, index) => asCreated(object, CREATED_MS + index * apartMs));
  }

  async #prepare({ before }: Request): Promise<void> {
    if (before === undefined) return;
    const settings = before.configmap === undefined ? [] : [configMap(before.configmap)];
    await this.gateway.change(this.prepared([...(before.apply ?? []), ...settings]), before.delete ?? []);
    if (before.sleep !== undefined) await seconds(before.sleep);
  }

  async #one(request: Request, jar: Jar | undefined): Promise<Observation> {
    const first = this.#echo.log.length;
    const churn = request.ws?.churn;
    const observed = await this.client.send(request, jar, churn === undefined ? undefined : () => this.#churn(churn));
    await seconds(request.log_wait ?? LOG_WAIT_S);
    const seen = this.#echo.log.slice(first);
    const backend: Observation['backend'] = seen.length > 1 ? seen : (seen[0] ?? null);
    return { ...observed, backend };
  }

  async #several(request: Request, jar: Jar | undefined): Promise<Observation> {
    const first = this.#echo.log.length;
    const answers: Observation[] = [];
    const { parallel, count = 1, gap, fresh = false } = request;
    if (parallel === undefined)
      for (let sent = 0; sent < count; sent += 1) {
        answers.push(await this.client.send(request, fresh ? new Map<string, string>() : jar));
        if (gap !== undefined) await seconds(gap);
      }
    else
      answers.push(
        ...(await Promise.all(Array.from({ length: parallel }, () => this.client.send(request, undefined)))),
      );
    await seconds(LOG_WAIT_S);
    return {
      statuses: countsOf(answers.map(({ status }) => String(status))),
      pods: countsOf(answers.map(({ headers }) => String(headers?.['x-pod'] ?? '-'))),
      reached: countsOf(this.#echo.log.slice(first).map(({ pod }: BackendView) => pod)),
      headers: answers[0]?.headers ?? {},
      status: answers[0]?.status ?? null,
    };
  }

  /** Changes that have nothing to do with who has a connection open. */
  async #churn(times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) await this.gateway.change([churnIngress(time)], []);
    await this.gateway.change([], [churnIngress(0)]);
  }
}

/** The ConfigMap of the controller itself. */
function configMap(data: Readonly<Record<string, string>> = {}): RawObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'ingress-nginx-controller', namespace: 'ingress-nginx' },
    data,
  };
}

function churnIngress(time: number): RawObject {
  const backend = { service: { name: 'echo', port: { number: 80 } } };
  const rule = { host: `churn${String(time)}.t`, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { name: 'churn', namespace: 't' },
    spec: { ingressClassName: 'nginx', rules: [rule] },
  } as RawObject;
}

const CREATED_MS = Date.UTC(2026, 0, 1);
const SECOND_MS = 1000;

/** As an API server gives it. */
function asCreated(object: RawObject, createdMs: number): RawObject {
  const creationTimestamp = new Date(createdMs).toISOString().replace('.000', '');
  const metadata = { namespace: 't', creationTimestamp, ...object.metadata };
  const text = 'stringData' in object ? (object.stringData as Readonly<Record<string, string>>) : {};
  const encoded = Object.entries(text).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  const data = { ...object.data, ...(Object.fromEntries(encoded) as Record<string, string>) };
  return { ...object, metadata, ...(Object.keys(data).length > 0 ? { data } : {}) };
}

function countsOf(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
