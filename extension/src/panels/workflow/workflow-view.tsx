/**
 * The graph of a notebook or of a run, with its toolbar and the details of the active step.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import {
  addIcon,
  listIcon,
  runIcon,
  searchIcon,
  stopIcon,
  ToolbarButtonComponent
} from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React, { useMemo, useRef, useState } from 'react';

import { CommandIDs } from '../../commands';
import { clock, duration, roughly, since } from '../../format';
import { useClock, useCommand, useSignals, useSize, useStable } from '../../hooks';
import { outputsIcon } from '../../icons';
import { able } from '../../models/able';
import type { Direction } from '../../models/layout';
import type { Picture, PictureNode } from '../../models/picture';
import type { Outlook } from '../../models/plan';
import { outlook } from '../../models/plan';
import { criticalPath, found, picture } from '../../models/picture';
import { markOf } from '../../status';
import type { RequestError } from '../../request';
import type { Features, Graph, Run, Schedules } from '../../wire';
import { ENDED } from '../../wire';
import { arrangedNow } from './arrange';
import { Details } from './details';
import { GraphView, request } from './graph';
import { downIcon, fitIcon, pathIcon, rightIcon, sectionsIcon } from './graph-icons';
import { ListView } from './list';
import { ScheduleStrip } from './schedules';
import type { ISubject } from './subject';
import { troubleOf } from './subject';

export interface IViewProps {
  subject: ISubject;
  commands: CommandRegistry;
  direction: Direction;
  onDirection: (direction: Direction) => void;
  features: Features;
  schedules: (path: string) => Promise<Schedules>;
  openMenu: (subject: ISubject, node: PictureNode, x: number, y: number) => void;
  trans: TranslationBundle;
}

export function WorkflowView(props: IViewProps): React.JSX.Element {
  const { subject, trans } = props;
  const path = subject.workflow?.path;
  useSignals(...subject.changed);
  const [query, setQuery] = useState<string | null>(null);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<'graph' | 'list' | null>(null);
  const [isPath, setIsPath] = useState(false);
  const [fit, setFit] = useState(0);

  const { sections, results, activeCell } = subject;
  const graph = useMemo(
    () => subject.graph && able(subject.graph, props.features),
    [subject.graph, props.features]
  );
  const last = useRef<Picture | null>(null);
  const drawn = useMemo(() => {
    last.current = graph === null ? null : picture(graph, sections, folded, last.current);
    return last.current;
  }, [graph, sections, folded]);
  const trouble = useMemo(() => troubleOf(graph?.diagnostics ?? []), [graph]);
  const longest = useMemo(
    () => (isPath && drawn !== null ? criticalPath(drawn, results, subject.times) : []),
    [isPath, drawn, results, subject.times]
  );
  const matches = useMemo(
    () => (query && drawn !== null ? found(drawn, query) : null),
    [query, drawn]
  );
  const active = (activeCell !== null && drawn?.byCell.get(activeCell)) || null;
  const names = useMemo(() => sectionNames(graph, sections), [graph, sections]);

  const onOpen = useStable((node: PictureNode) =>
    subject.jump(node.cells[(node.cells.indexOf(activeCell ?? '') + 1) % node.cells.length])
  );
  const onMenu = useStable((node: PictureNode, x: number, y: number) =>
    props.openMenu(subject, node, x, y)
  );
  const onUnfold = useStable((section: string) =>
    setFolded(new Set([...folded].filter(each => each !== section)))
  );
  const shared = {
    results,
    items: subject.items,
    active,
    trans,
    found: matches,
    trouble,
    onOpen,
    onMenu,
    onUnfold
  };
  const activeNode = active === null ? undefined : drawn?.byId.get(active);
  const frame = useRef<HTMLDivElement>(null);
  const roomy = useRoom(frame, subject, drawn, props.direction);
  const isList = chosen === null ? !roomy : chosen === 'list';

  return (
    <div className="nbflow-View" ref={frame}>
      <Bar
        {...props}
        hasSections={names.length > 1}
        isFolded={folded.size > 0}
        isList={isList}
        isPath={isPath}
        isSearching={query !== null}
        onFit={() => setFit(fit + 1)}
        onFold={() => setFolded(folded.size > 0 ? new Set() : new Set(names))}
        onList={() => setChosen(isList ? 'graph' : 'list')}
        onPath={() => setIsPath(!isPath)}
        onSearch={() => setQuery(query === null ? '' : null)}
      />
      {query !== null && (
        <Search
          query={query}
          matches={matches}
          trans={trans}
          onQuery={setQuery}
          onEnter={() => {
            const first = drawn?.nodes.find(node => matches?.has(node.id));
            if (first) {
              onOpen(first);
            }
          }}
        />
      )}
      <Banner subject={subject} trans={trans} />
      {props.features.schedules && path !== undefined && (
        <ScheduleStrip
          ask={() => props.schedules(path)}
          of={[path, subject.run?.run, subject.run?.status]}
          trans={trans}
        />
      )}
      {drawn === null || drawn.nodes.length === 0 ? (
        <Empty subject={subject} commands={props.commands} trans={trans} />
      ) : isList ? (
        <ListView picture={drawn} {...shared} />
      ) : (
        <GraphView
          key={subject.name}
          picture={drawn}
          direction={props.direction}
          path={longest}
          fit={fit}
          {...shared}
          onKey={(node, key) => onKey(node, key, setQuery)}
          onDeny={subject.workflow === null ? null : edge => subject.deny(edge)}
        />
      )}
      {drawn !== null && activeNode !== undefined && (
        <Details
          node={activeNode}
          picture={drawn}
          results={results}
          durations={subject.times.get(activeNode.label) ?? NOT_YET}
          trans={trans}
          onOpen={onOpen}
          onMenu={onMenu}
          onJump={(cell, line) => subject.jump(cell, line)}
        />
      )}
    </div>
  );

  function onKey(node: PictureNode, key: string, search: (query: string) => void): boolean {
    switch (key) {
      case '/':
        search('');
        return true;
      case 'r':
      case 'R':
        if (node.kind === 'step' && subject.workflow !== null) {
          void props.commands.execute(CommandIDs.run, {
            path: subject.workflow.path,
            only: [node.label]
          });
        }
        return true;
      case 'f':
        setFit(fit + 1);
        return true;
      default:
        return false;
    }
  }
}

const NOT_YET: readonly number[] = [];

/** Below this, a drawing cannot be read. */
const READABLE = 0.75;
/** What a drawing needs whose size is not known yet. */
const WIDE = 900;

/**
 * Whether there is room for the drawing as a whole: else the column is what one wants to see. It is
 * decided when the panel changes, not while somebody types.
 */
function useRoom(
  frame: React.RefObject<HTMLDivElement>,
  subject: ISubject,
  drawn: Picture | null,
  direction: Direction
): boolean {
  const { width } = useSize(frame);
  const decided = useRef({ subject, width: 0, roomy: false });
  const { current } = decided;
  if (drawn !== null && width > 0 && (current.width !== width || current.subject !== subject)) {
    const needed = arrangedNow(request(drawn, direction))?.width ?? WIDE / READABLE;
    decided.current = { subject, width, roomy: needed * READABLE <= width };
  }
  return decided.current.roomy;
}

/** The sections that have steps, in the notebook's order. */
function sectionNames(graph: Graph | null, sections: ReadonlyMap<string, string>): string[] {
  return [...new Set((graph?.steps ?? []).flatMap(step => sections.get(step.cells[0]) ?? []))];
}

interface IBarProps extends IViewProps {
  hasSections: boolean;
  isFolded: boolean;
  isList: boolean;
  isPath: boolean;
  isSearching: boolean;
  onFit: () => void;
  onFold: () => void;
  onList: () => void;
  onPath: () => void;
  onSearch: () => void;
}

function Bar(props: IBarProps): React.JSX.Element {
  const { subject, commands, trans, direction } = props;
  useCommand(commands, CommandIDs.runOutputs);
  const path = subject.workflow?.path;
  const execute = (command: string) => () => void commands.execute(command, { path });
  const can = (command: string) => path !== undefined && commands.hasCommand(command);
  const running = subject.run !== null && !ENDED.has(subject.run.status);
  return (
    <div className="nbflow-Bar" role="toolbar" aria-label={trans.__('Workflow')}>
      {can(CommandIDs.run) && !(running && can(CommandIDs.cancel)) && (
        <ToolbarButtonComponent
          icon={runIcon}
          className="nbflow-run"
          tooltip={trans.__('Run the workflow')}
          onClick={execute(CommandIDs.run)}
        />
      )}
      {running && can(CommandIDs.cancel) && (
        <ToolbarButtonComponent
          icon={stopIcon}
          className="nbflow-cancel"
          tooltip={trans.__('Cancel the run')}
          onClick={execute(CommandIDs.cancel)}
        />
      )}
      {can(CommandIDs.addStep) && (
        <ToolbarButtonComponent
          icon={addIcon}
          tooltip={trans.__('Add a step')}
          onClick={execute(CommandIDs.addStep)}
        />
      )}
      <Summary subject={subject} trans={trans} />
      <span className="nbflow-Bar-tools">
        {can(CommandIDs.runOutputs) && commands.isEnabled(CommandIDs.runOutputs, { path }) && (
          <ToolbarButtonComponent
            icon={outputsIcon}
            tooltip={trans.__('Show the outputs of the run in the notebook')}
            pressed={commands.isToggled(CommandIDs.runOutputs, { path })}
            onClick={execute(CommandIDs.runOutputs)}
          />
        )}
        <ToolbarButtonComponent
          icon={searchIcon}
          tooltip={trans.__('Find a step (/)')}
          pressed={props.isSearching}
          onClick={props.onSearch}
        />
        {props.hasSections && (
          <ToolbarButtonComponent
            icon={sectionsIcon}
            tooltip={
              props.isFolded ? trans.__('Unfold all sections') : trans.__('Fold by sections')
            }
            pressed={props.isFolded}
            onClick={props.onFold}
          />
        )}
        {!props.isList && (
          <>
            <ToolbarButtonComponent
              icon={pathIcon}
              tooltip={
                running
                  ? trans.__('Show what takes longest: the critical path of the run')
                  : trans.__('Show what took longest: the critical path of the last run')
              }
              pressed={props.isPath}
              enabled={subject.run !== null}
              onClick={props.onPath}
            />
            <ToolbarButtonComponent
              icon={direction === 'TB' ? rightIcon : downIcon}
              tooltip={
                direction === 'TB' ? trans.__('Draw from left to right') : trans.__('Draw top down')
              }
              onClick={() => props.onDirection(direction === 'TB' ? 'LR' : 'TB')}
            />
            <ToolbarButtonComponent
              icon={fitIcon}
              tooltip={trans.__('Show all (F)')}
              onClick={props.onFit}
            />
          </>
        )}
        <ToolbarButtonComponent
          icon={listIcon}
          tooltip={props.isList ? trans.__('Show as a graph') : trans.__('Show as a list')}
          pressed={props.isList}
          onClick={props.onList}
        />
      </span>
    </div>
  );
}

/** How the run goes, or how many steps there are. */
function Summary({ subject, trans }: { subject: ISubject; trans: TranslationBundle }) {
  const { run, graph } = subject;
  const running = run !== null && !ENDED.has(run.status);
  const now = useClock(running);
  const steps = graph?.steps.length ?? 0;
  let text = graph === null ? '' : trans._n('%1 step', '%1 steps', steps);
  if (run !== null && running) {
    const left = leftWords(subject.secondsLeft(now), trans);
    const passed = clock(since(run.started, now));
    text = [`${done(run)}/${run.steps.length}`, passed, left].filter(Boolean).join(' · ');
  } else if (run !== null && run.seconds !== null) {
    text = trans.__('%1 in %2', runWord(run, trans), duration(run.seconds));
  }
  const next = subject.plan === null ? null : nextWords(outlook(subject.plan), trans);
  return (
    <span
      className="nbflow-Bar-summary"
      // A clock that was read out every second would be all that one hears.
      role={running ? 'timer' : 'status'}
      title={[text, next].filter(Boolean).join(' · ')}
    >
      {run?.status === 'succeeded' ? (next ?? text) : text}
    </span>
  );
}

/** How long it will still take, as exactly as one can say; null where nobody knows, or it is over. */
function leftWords(seconds: number | null, trans: TranslationBundle): string | null {
  return seconds === null || seconds < 1 ? null : trans.__('about %1 left', roughly(seconds));
}

/** What the next run would do; null where that is to reuse everything. */
function nextWords({ run, reuse }: Outlook, trans: TranslationBundle): string | null {
  return run === 0 ? null : [trans.__('%1 will run', run), trans.__('%1 reused', reuse)].join(', ');
}

function done(run: Run): number {
  return run.steps.filter(step => ENDED.has(step.status)).length;
}

function runWord(run: Run, trans: TranslationBundle): string {
  const failed = run.steps.filter(step => markOf(step) === 'failed').length;
  switch (run.status) {
    case 'succeeded':
      return trans.__('succeeded');
    case 'cancelled':
      return trans.__('cancelled');
    case 'failed':
      return failed > 0
        ? trans._n('%1 step failed', '%1 steps failed', failed)
        : trans.__('failed');
    default:
      return run.status;
  }
}

interface ISearchProps {
  query: string;
  matches: ReadonlySet<string> | null;
  trans: TranslationBundle;
  onQuery: (query: string | null) => void;
  onEnter: () => void;
}

function Search({ query, matches, trans, onQuery, onEnter }: ISearchProps): React.JSX.Element {
  return (
    <div className="nbflow-Search">
      <input
        className="jp-mod-styled"
        type="search"
        autoFocus
        value={query}
        placeholder={trans.__('Name, title, tag or variable')}
        aria-label={trans.__('Find a step')}
        onChange={event => onQuery(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape') {
            onQuery(null);
          } else if (event.key === 'Enter') {
            onEnter();
          }
        }}
      />
      <span className="nbflow-Search-count" role="status">
        {matches === null ? '' : String(matches.size)}
      </span>
    </div>
  );
}

/** What went wrong, in words that say what to do. */
function words(error: RequestError, trans: TranslationBundle): string {
  switch (error.status) {
    case 0:
      return trans.__('The server does not answer.');
    case 401:
    case 403:
      return trans.__('The server does not let you in. Log in again: your session may have ended.');
    default:
      return error.message;
  }
}

/** Why what is drawn is not what is written, or not how it goes, if so. */
function Banner({ subject, trans }: { subject: ISubject; trans: TranslationBundle }) {
  const { error, graph, lost } = subject;
  if (graph === null || (error === null && !lost)) {
    return null;
  }
  const news = trans.__('No news of the run: the connection to the server is asked for again.');
  return (
    <div className="nbflow-Banner" role="alert">
      <span>
        {error === null ? news : trans.__('%1 This is the graph as it was.', words(error, trans))}
      </span>
      <button className="nbflow-Link" onClick={() => subject.retry()}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}

interface IEmptyProps {
  subject: ISubject;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

function Empty({ subject, commands, trans }: IEmptyProps): React.JSX.Element {
  const { error } = subject;
  const path = subject.workflow?.path;
  if (subject.loading) {
    return <p className="nbflow-Empty">{trans.__('Reading the notebook…')}</p>;
  }
  if (error !== null) {
    return (
      <div className="nbflow-Empty" role="alert">
        <p>{words(error, trans)}</p>
        {error.hint && <p className="nbflow-Empty-hint">{error.hint}</p>}
        <button className="jp-mod-styled jp-Button" onClick={() => subject.retry()}>
          {trans.__('Try again')}
        </button>
      </div>
    );
  }
  return (
    <div className="nbflow-Empty">
      <p>{trans.__('This notebook has no steps yet.')}</p>
      <p className="nbflow-Empty-hint">
        {trans.__('Each code cell that does something becomes a step; lines show what needs what.')}
      </p>
      {path !== undefined && commands.hasCommand(CommandIDs.addStep) && (
        <button
          className="jp-mod-styled jp-Button"
          onClick={() => void commands.execute(CommandIDs.addStep, { path })}
        >
          {trans.__('Add a step')}
        </button>
      )}
    </div>
  );
}
