/** What a node says of a Service, in an object of its own. */
export interface NodeStatus {
  /** The name of the node. */
  readonly node: string;
  /** `namespace/name` of the Service. */
  readonly service: string;
  /** RFC 3339; empty in an object that is not ours. */
  readonly since: string;
}

/** Such an object as it is in the cluster. */
export type ObservedNodeStatus<S extends NodeStatus> = S & { readonly uid: string };
