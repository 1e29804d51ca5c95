package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
)

func (c *cli) queue() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Show waiting work, and decide about it: one message or many"}
	cmd.AddCommand(c.queueList(), c.queueShow())
	for _, d := range decisions {
		cmd.AddCommand(c.decide(d))
	}
	return cmd
}

// workFlags are the filters of waiting work.
type workFlags struct {
	q      documents.WorkQuery
	tenant string
}

func (f *workFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.q.States, "state", "", "states, separated by commas, like RETRY_WAIT,UNKNOWN or QUARANTINED,DEAD")
	fl.StringVar(&f.q.Receiver, "receiver", "", "receiver (C4), like 0192:991825827")
	fl.StringVar(&f.q.Host, "host", "", "host of the access point that it goes to, with the port if it has one")
	fl.StringVar(&f.q.Code, "code", "", "code of what stopped it last, like RAVN-2202 or EBMS:0004")
	fl.DurationVar(&f.q.Older, "older", 0, "entered at least so long ago, like 2h")
	fl.StringVar(&f.q.Kind, "kind", "", "kind of work: send, deliver or notify (news for C1)")
	fl.BoolVar(&f.q.Held, "held", false, "only what an operator holds back")
	fl.StringVar(&f.tenant, "tenant", "", "only of this tenant (default: of all)")
}

// filterNames are the flags of workFlags that select.
var filterNames = []string{"state", "receiver", "host", "code", "older", "kind", "held", "tenant"}

// desks returns the desk of each tenant that is asked for.
func (f *workFlags) desks(cfg *config.Config, d *documents.Desk) ([]*documents.Desk, error) {
	if f.tenant != "" && !cfg.HasTenant(f.tenant) {
		return nil, badArgs("--tenant: %q is not in tenants of the configuration", f.tenant)
	}
	var list []*documents.Desk
	for _, name := range append([]string{db.DefaultTenant}, cfg.Tenants...) {
		if f.tenant == "" || f.tenant == name {
			own := *d
			own.Tenant = name
			list = append(list, &own)
		}
	}
	return list, nil
}

func (c *cli) queueList() *cobra.Command {
	var f workFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List what is waiting or in progress, and what was given up", Args: cobra.NoArgs,
		Long: "Lists first what was given up or is in quarantine, then what waits for a person, then what waits or " +
			"is in progress, with its age,\nthe next attempt, the attempts so far, whose fault it is, where it goes " +
			"and what was recorded last. All filters must hold.\nNews for C1 (kind notify) are named by their event.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.q.Limit < 0 {
				return badArgs("--limit: want 1 or more")
			}
			return c.withDeskOf(cmd.Context(), func(cfg *config.Config, d *documents.Desk) error {
				desks, err := f.desks(cfg, d)
				if err != nil {
					return err
				}
				list := workList{c: c, hold: time.Duration(cfg.Send.Hold), tenants: len(cfg.Tenants) > 0}
				more := false
				for _, d := range desks {
					over, err := d.Queue(cmd.Context(), f.q, list.show)
					if more = more || over; err != nil {
						return err
					}
				}
				return list.end(more)
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.q.GivenUp, "given-up", false,
		"only what was given up, is in quarantine or waits for a person")
	cmd.Flags().IntVar(&f.q.Limit, "limit", 0, "how many rows at most, of each of the three parts (default: all)")
	return cmd
}

// workList prints work as lines.
type workList struct {
	c       *cli
	hold    time.Duration // send.hold
	tenants bool          // there are several
	begun   bool
}

const workLine = "%-36s  %-7s  %-15s  %6s  %-20s  %3s  %-9s  %s"

func (l *workList) show(w documents.Work) error {
	if w.GivenUp || w.Due.IsZero() && w.Held == nil {
		l.c.exit = fault.Negative
	}
	if !l.begun && !l.c.json {
		l.begun = true
		if _, err := fmt.Fprintf(l.c.out, workLine+"\n", "ID", "KIND", "STATE", "AGE", "NEXT", "ATT", "FAULT",
			"WHERE AND WHY"); err != nil {
			return err
		}
	}
	text := strings.Join(l.parts(&w), "; ")
	return l.c.print(w, workLine, w.Name(), w.Kind, w.State, age(w.Age), next(&w), fmt.Sprint(w.Attempts),
		cmp.Or(string(w.Blame), "-"), text)
}

// unshown is the last line of a list that is not whole.
type unshown struct {
	More bool `json:"more"` // true
}

// end says that there is more than the limit lets through.
func (l *workList) end(more bool) error {
	if !more {
		return nil
	}
	l.c.exit = fault.Unsure
	if l.c.json {
		return l.c.print(unshown{true}, "")
	}
	_, err := fmt.Fprintln(l.c.err, "There is more than --limit shows.")
	return err
}

// next says when work is tried.
func next(w *documents.Work) string {
	switch {
	case w.Held != nil:
		return "held"
	case w.GivenUp, w.Due.IsZero():
		return "-"
	case w.Owner != "":
		return "now"
	}
	return w.Due.UTC().Format(time.RFC3339)
}

// parts says where work goes, what holds it up, and what happened last.
func (l *workList) parts(w *documents.Work) (list []string) {
	add := func(when bool, format string, args ...any) {
		if when {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	add(l.tenants, "of %s", w.Tenant)
	add(w.Host != "" && w.Waits, "waits for %s", w.Host)
	add(w.Host != "" && !w.Waits, "to %s", w.Host)
	add(w.Host == "" && w.Waits, "waits for its turn")
	add(w.Owner != "", "by %s", w.Owner)
	if w.Held != nil {
		add(true, "held since %s by %s: %s", w.Held.Since.UTC().Format(time.RFC3339), w.Held.By, w.Held.Reason)
	}
	if !w.Moving.IsZero() {
		until := ", looked up until " + w.Moving.Add(l.hold).UTC().Format(time.RFC3339)
		if w.Held != nil { // that end moves with the hold
			until = ""
		}
		add(true, "its receiver is in no SMP since %s%s", w.Moving.UTC().Format(time.RFC3339), until)
	}
	add(w.Reason != "", "%s", w.Reason)
	return list
}

// age is a duration in one or two units.
func age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// shownWork is one piece of work with its plan.
type shownWork struct {
	documents.Work
	Pauses   []string            `json:"plan_waits,omitempty"` // between attempts, then hourly
	GiveUp   time.Time           `json:"plan_ends,omitzero"`   // of a message to be sent; zero while it is held
	Next     string              `json:"next"`                 // what to do, in a sentence
	Document *documents.Document `json:"document"`
}

func (c *cli) queueShow() *cobra.Command {
	var f workFlags
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one message: what happens next and when, its plan and attempts, what one may do",
		Args: cobra.ExactArgs(1),
		Long: "ID is its id, MessageId or InstanceIdentifier. ravn documents show ID shows the rest: answers, " +
			"certificates, timeline.\n\n" + documentExits,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withDeskOf(cmd.Context(), func(cfg *config.Config, d *documents.Desk) error {
				desks, err := f.desks(cfg, d)
				if err != nil {
					return err
				}
				desk, id, err := whose(cmd.Context(), desks, args[0])
				if err != nil {
					return err
				}
				return c.showWork(cmd.Context(), cfg, desk, id)
			})
		},
	}
	cmd.Flags().StringVar(&f.tenant, "tenant", "", "whose it is (default: it is looked for)")
	return cmd
}

// whose finds the tenant of a document.
func whose(ctx context.Context, desks []*documents.Desk, name string) (*documents.Desk, string, error) {
	var first error
	for _, d := range desks {
		id, err := d.Resolve(ctx, name)
		if err == nil {
			return d, id, nil
		}
		var f *fault.Error
		if !errors.As(err, &f) || f.Code != fault.NoSuchMessage {
			return nil, "", err
		}
		first = cmp.Or(first, err)
	}
	return nil, "", first
}

func (c *cli) showWork(ctx context.Context, cfg *config.Config, d *documents.Desk, id string) error {
	w, err := d.WorkOf(ctx, id)
	if err != nil {
		return err
	}
	doc, err := d.Show(ctx, id)
	if err != nil {
		return err
	}
	s := shownWork{Work: w, Next: doc.Next, Document: doc}
	s.Actions = doc.Actions
	if doc.Direction == "out" {
		waits, giveUp := cfg.RetryPlan(w.Tenant, w.DocumentType)
		for _, d := range waits {
			s.Pauses = append(s.Pauses, d.String())
		}
		if w.Held == nil { // else it moves with the hold
			s.GiveUp = w.Begun.Add(giveUp)
		}
	}
	return c.print(s, "%s", strings.Join(s.lines(time.Duration(cfg.Send.Hold)), "\n"))
}

// lines are what a person reads.
func (s *shownWork) lines(hold time.Duration) (list []string) {
	line := func(name, format string, args ...any) {
		list = append(list, fmt.Sprintf("%-10s", name)+fmt.Sprintf(format, args...))
	}
	line("id", "%s", s.ID)
	line("state", "%s (%s), entered %s ago", s.State, s.Document.Status, age(s.Age))
	l := workList{hold: hold, tenants: true}
	line("where", "%s", strings.Join(l.parts(&s.Work), "; "))
	line("attempt", "%s", s.when())
	if s.Pauses != nil && s.Document.Status == documents.Pending {
		until := "its end waits for the release"
		if s.Held == nil {
			until = "until " + s.GiveUp.UTC().Format(time.RFC3339)
		}
		line("plan", "%d attempts since %s; waits %s, then 1h, ±20 %%; %s", s.Attempts,
			s.Begun.UTC().Format(time.RFC3339), strings.Join(s.Pauses, " "), until)
	}
	for _, a := range s.Document.Attempts {
		line(fmt.Sprintf("  %d", a.N), "%s  %s  %s %s", a.Started.UTC().Format(time.RFC3339),
			cmp.Or(a.Outcome, "under way"), a.Endpoint, strings.TrimSpace(a.Code+" "+a.Detail))
	}
	if p := s.Document.Problem; p != nil {
		line("problem", "%s: %s (%s)", p.Code, p.Title, p.Blame)
	}
	line("next", "%s", s.Next)
	var may []string
	for _, a := range s.Actions {
		may = append(may, "ravn queue "+string(a)+" "+s.ID)
	}
	line("possible", "%s", cmp.Or(strings.Join(may, ", "), "nothing"))
	return list
}

// when says when the message has its turn.
func (s *shownWork) when() string {
	switch {
	case s.Held != nil:
		return "none until it is released"
	case s.Owner != "":
		return "now, by " + s.Owner
	case s.GivenUp || s.Due.IsZero():
		return "none by itself"
	case s.Waits:
		return "due since " + s.Due.UTC().Format(time.RFC3339) + "; ravn serve does not run, has no free place, or " +
			"leaves this access point alone for up to 15 minutes after failures in a row"
	}
	return s.Due.UTC().Format(time.RFC3339)
}
