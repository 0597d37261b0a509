/**
 * What the server cannot carry out is not drawn, whatever the notebook says. Pure.
 */

import type { Features, Graph, Step } from '../wire';

const TAGS: Readonly<Record<string, keyof Features>> = {
  foreach: 'foreach',
  when: 'foreach',
  approve: 'approvals',
  publish: 'publications'
};

/** A graph without what these features do not allow. */
export function able(graph: Graph, features: Features): Graph {
  const can = (tag: string) => {
    const feature = TAGS[tag.split(':')[0]];
    return feature === undefined || features[feature];
  };
  const known = (step: Step): Step => ({
    ...step,
    tags: step.tags.filter(can),
    foreach: features.foreach ? step.foreach : null,
    when: features.foreach ? step.when : null
  });
  const isPlain = (step: Step) =>
    step.tags.every(can) && (features.foreach || (step.foreach ?? step.when) === null);
  return graph.steps.every(isPlain) ? graph : { ...graph, steps: graph.steps.map(known) };
}
