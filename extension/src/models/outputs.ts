/** What the cells of a notebook showed in a run. Pure. */

import type { IMimeBundle, IOutput } from '@jupyterlab/nbformat';

import type { Content } from '../wire';

export interface CellOutputs {
  /** The text that ran: it may be another one now. */
  source: string;
  outputs: readonly IOutput[];
}

/** A widget lives in its kernel, and that one is gone: what stands in for it is shown. */
const LIVING = 'application/vnd.jupyter.widget-view+json';

/** The outputs of each code cell of a result notebook, by the cell's id. */
export function cellOutputs(content: Content): ReadonlyMap<string, CellOutputs> {
  const code = content.cells.filter(cell => cell.cell_type === 'code');
  return new Map(
    code.map(({ id, source, outputs }) => [id, { source, outputs: (outputs ?? []).map(lasting) }])
  );
}

function lasting(output: IOutput): IOutput {
  const data = output.data as IMimeBundle | undefined;
  if (data === undefined || !(LIVING in data)) {
    return output;
  }
  return {
    ...output,
    data: Object.fromEntries(Object.entries(data).filter(([type]) => type !== LIVING))
  };
}
