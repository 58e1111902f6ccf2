/** One condition on the labels of an object. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/**
 * A `LabelSelector` (meta/v1), its `matchLabels` written as requirements. All of them must hold; one without requirements selects
 * everything.
 */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
}

/** Labels of an object. */
export type Labels = Readonly<Record<string, string>>;

/** Whether an object with these labels is selected. An absent label satisfies `NotIn`, as it does in Kubernetes. */
export function selects({ requirements }: LabelSelector, labels: Labels): boolean {
  return requirements.every((requirement) => holds(requirement, labels[requirement.key]));
}

function holds({ operator, values }: LabelRequirement, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
  }
}
