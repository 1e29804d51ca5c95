package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
)

// decision is an operator's action on documents, which is audited with a reason (API-058).
type decision struct {
	action      documents.Action
	short, long string
	done        string // what is said then, after the state
}

var decisions = []decision{
	{
		documents.Retry, "Try documents again now that are waiting, were given up or are in quarantine",
		"The message is sent with the same MessageId and the same signed digests, so that a repeat is recognised; a " +
			"document for C4 is\n" +
			"delivered under the same delivery id. A message that may have arrived stays UNKNOWN. A received " +
			"document is delivered by\n" +
			"ravn serve, and a message to another access point sent: its plan of attempts begins anew. What is held " +
			"is released first. News for C1 that were given up are told again; their document is not sent.",
		" and due now",
	},
	{
		documents.Cancel, "Withdraw messages to other access points that certainly have not arrived",
		"It is refused while an attempt is in progress, and if one may have arrived.", "",
	},
	{
		documents.Hold, "Hold waiting messages back: nothing is tried until they are released",
		"A message to another access point, or a received document, that waits is not tried, and not given up by its " +
			"plan, until ravn\nqueue release. It is refused while an attempt is in progress: try again when that has " +
			"ended.",
		" and held",
	},
	{
		documents.Release, "Release messages that are held back",
		"The message is tried when it would have been without the hold, or now if that is over; its plan of attempts " +
			"goes on with the\ntime that was left of it.", " and released",
	},
	{
		documents.Discard, "Give up received documents that are dead or in quarantine: they are never delivered",
		"The document is kept. Its sender has our receipt and is not told.", "",
	},
}

// decideFlags are the flags of a decision.
type decideFlags struct {
	workFlags
	reason           string
	all, yes, dryRun bool
	most             int // documents in one run
}

// mostPicked is how many documents a decision is about in one run, so that memory has a bound.
const mostPicked = 100_000

// decide makes the command of a decision, which stands below documents and below queue.
func (c *cli) decide(d decision) *cobra.Command {
	f := decideFlags{most: mostPicked}
	cmd := &cobra.Command{
		Use: string(d.action) + " [ID ...] --reason TEXT", Short: d.short,
		Long: d.long + "\n\nID is its id, MessageId or InstanceIdentifier. Instead of ids, filters select among " +
			"what ravn queue list shows; --all selects\neverything there that it is possible for. Of more than one " +
			"the number is shown, and a confirmation asked for: on a terminal by\na question, else by --yes. Each is " +
			"one transition, audited with your name and the reason; what changed meanwhile is skipped, and\nsaid.\n\n" +
			"Exit codes: 0 done; 1 not found, or of several some were skipped; 2 wrong use, configuration, or a " +
			"state that does not allow\nit; 3 could not tell now, or more than 100,000 are selected: how many are " +
			"left is said.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd, args); err != nil {
				return err
			}
			return c.withDeskOf(cmd.Context(), func(cfg *config.Config, desk *documents.Desk) error {
				desks, err := f.desks(cfg, desk)
				if err != nil {
					return err
				}
				return c.runDecision(cmd.Context(), d, &f, desks, args)
			})
		},
	}
	f.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.reason, "reason", "", "why, for the audit trail: 3 to 500 characters")
	fl.BoolVar(&f.all, "all", false, "all that it is possible for")
	fl.BoolVar(&f.yes, "yes", false, "do it without a question")
	fl.BoolVar(&f.dryRun, "dry-run", false, "only show what would be done")
	return cmd
}

// check looks at the flags that were given.
func (f *decideFlags) check(cmd *cobra.Command, args []string) error {
	filtered := f.all || slices.ContainsFunc(filterNames, func(name string) bool {
		return name != "tenant" && cmd.Flags().Changed(name)
	})
	switch {
	case len(args) == 0 && !filtered:
		return badArgs("name the documents by their ids, by filters, or with --all")
	case len(args) > 0 && filtered:
		return badArgs("ids and filters do not go together")
	case !cmd.Flags().Changed("reason") && !f.dryRun:
		return badArgs("--reason is needed, for the audit trail")
	}
	if f.dryRun && f.reason == "" {
		return nil
	}
	var err error
	f.reason, err = documents.CheckReason(f.reason)
	return err
}

// picked is a document that a decision is about, or news of one.
type picked struct {
	desk *documents.Desk
	name string // documents.Work.Name
	news bool
}

// possible says what the decision would do.
func (p picked) possible(ctx context.Context, action documents.Action) documents.Outcome {
	if p.news {
		return p.desk.PossibleNews(ctx, action, p.name)
	}
	return p.desk.Possible(ctx, action, p.name)
}

// do carries the decision out.
func (p picked) do(ctx context.Context, action documents.Action, reason string) documents.Outcome {
	if p.news {
		return p.desk.DoNews(ctx, action, p.name, actor(), reason)
	}
	return p.desk.Do(ctx, action, p.name, actor(), reason)
}

func (c *cli) runDecision(ctx context.Context, d decision, f *decideFlags, desks []*documents.Desk,
	args []string,
) error {
	list, left, err := pick(ctx, d.action, f, desks, args)
	switch {
	case err != nil:
		return err
	case len(list) == 0:
		return c.print(summary{Summary: true, Action: d.action}, "there is nothing to %s", d.action)
	case len(args) == 1 && !f.dryRun && !list[0].news:
		doc, err := list[0].desk.Act(ctx, d.action, list[0].name, actor(), f.reason)
		if err != nil {
			return err
		}
		return c.print(doc, "%s is %s%s", doc.ID, doc.State, d.done)
	case f.dryRun:
		return c.each(ctx, d, true, list, left, func(ctx context.Context, p picked) documents.Outcome {
			return p.possible(ctx, d.action)
		})
	}
	if err := c.confirm(d.action, len(list), left, f.yes); err != nil {
		return err
	}
	return c.each(ctx, d, false, list, left, func(ctx context.Context, p picked) documents.Outcome {
		return p.do(ctx, d.action, f.reason)
	})
}

// pick finds the documents that are named, or that filters select and the action is possible for: so many as are
// decided about in one run, and how many are left.
func pick(ctx context.Context, action documents.Action, f *decideFlags, desks []*documents.Desk, args []string,
) (list []picked, left int, err error) {
	if len(args) > 0 {
		list, err = pickNamed(ctx, desks, args)
		return list, 0, err
	}
	seen := map[picked]bool{}
	for _, desk := range desks {
		_, err := desk.Queue(ctx, f.q, func(w documents.Work) error {
			p := picked{desk, w.Name(), w.Event != ""}
			switch {
			case !slices.Contains(w.Actions, action) || seen[p]:
			case len(list) == f.most:
				left++
			default:
				list, seen[p] = append(list, p), true
			}
			return nil
		})
		if err != nil {
			return nil, 0, err
		}
	}
	return list, left, nil
}

// pickNamed finds the documents that are named, and the news.
func pickNamed(ctx context.Context, desks []*documents.Desk, names []string) (list []picked, err error) {
	for _, name := range names {
		p := picked{news: true}
		if p.desk, p.name, err = whose(ctx, desks, name); err != nil {
			if p.desk, p.name = whoseNews(ctx, desks, name), name; p.desk == nil {
				return nil, err
			}
		} else {
			p.news = false
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	return list, nil
}

// whoseNews finds the tenant of news; nil if there are none, or nobody can tell.
func whoseNews(ctx context.Context, desks []*documents.Desk, name string) *documents.Desk {
	for _, d := range desks {
		if is, err := d.IsNews(ctx, name); err == nil && is {
			return d
		}
	}
	return nil
}

// confirm shows how many documents it is about, and asks.
func (c *cli) confirm(action documents.Action, n, left int, yes bool) error {
	if yes || n == 1 && left == 0 {
		return nil
	}
	if left > 0 {
		fmt.Fprintf(c.err, "%d are selected; %d of them are left for another run.\n", n+left, left)
	}
	if !terminal(c.in) {
		return badArgs("%s of %d documents: without a terminal --yes is needed", action, n)
	}
	fmt.Fprintf(c.err, "%s of %d documents. Go on? [y/N] ", action, n)
	answer, _ := bufio.NewReader(io.LimitReader(c.in, 100)).ReadString('\n')
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes", "j", "ja":
		return nil
	}
	return badArgs("nothing was done")
}

// terminal reports whether a person may be asked, or is watching.
func terminal(s any) bool {
	f, ok := s.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Bounds of how many documents are decided about at the same time, and in one go.
const (
	decideWorkers = 8
	decideBatch   = 500
)

// summary is what became of many documents.
type summary struct {
	Summary bool             `json:"summary"` // true
	Action  documents.Action `json:"action"`
	DryRun  bool             `json:"dry_run,omitempty"`
	Done    int              `json:"done"`
	Skipped int              `json:"skipped"`
	Failed  int              `json:"failed"`
	Left    int              `json:"left"` // not looked at
}

// each does something with every document, batch by batch, prints what became of each, and a summary. left more are
// selected.
func (c *cli) each(ctx context.Context, d decision, dry bool, list []picked, left int,
	do func(context.Context, picked) documents.Outcome,
) error {
	s := summary{Summary: true, Action: d.action, DryRun: dry, Left: len(list) + left}
	done := "done"
	if dry {
		done = "would be done"
	}
	for batch := range slices.Chunk(list, decideBatch) {
		if ctx.Err() != nil || s.Failed > 0 {
			break
		}
		for _, o := range inParallel(ctx, batch, do) {
			s.Left--
			s.count(&o)
			c.exit = max(c.exit, exitOfOutcome(&o))
			if err := c.print(o, "%s  %-15s  %s", o.ID, o.State, said(d, dry, &o)); err != nil {
				return err
			}
		}
	}
	rest := ""
	if s.Left > 0 {
		c.exit = max(c.exit, fault.Unsure)
		rest = fmt.Sprintf(", %d not looked at", s.Left)
	}
	return c.print(s, "%s: %d %s, %d skipped, %d failed%s", d.action, s.Done, done, s.Skipped, s.Failed, rest)
}

func (s *summary) count(o *documents.Outcome) {
	switch {
	case o.OK:
		s.Done++
	case o.Err != nil:
		s.Failed++
	default:
		s.Skipped++
	}
}

func exitOfOutcome(o *documents.Outcome) fault.Exit {
	switch {
	case o.OK:
		return fault.OK
	case o.Err != nil:
		return fault.ExitOf(o.Err)
	}
	return fault.Negative
}

func said(d decision, dry bool, o *documents.Outcome) string {
	switch {
	case o.OK && dry:
		return string(d.action) + " is possible"
	case o.OK:
		return string(d.action) + d.done
	}
	return "skipped: " + o.Reason
}

// inParallel does something with each document of a batch: the record commits what comes together in one go.
func inParallel(ctx context.Context, batch []picked, do func(context.Context, picked) documents.Outcome,
) []documents.Outcome {
	out := make([]documents.Outcome, len(batch))
	var wg sync.WaitGroup
	places := make(chan struct{}, decideWorkers)
	for i, p := range batch {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			out[i] = do(ctx, p)
		})
	}
	wg.Wait()
	return out
}
