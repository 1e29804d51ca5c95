package main

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

func (c *cli) queue() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Show waiting work, and decide about messages that were given up or quarantined"}
	cmd.AddCommand(c.queueList())
	for _, d := range decisions {
		cmd.AddCommand(c.queueDecision(d))
	}
	return cmd
}

// queueRow is work with its message as it is shown.
type queueRow struct {
	ID        string `json:"id"` // of the message; "" for other work
	MessageID string `json:"message_id,omitempty"`
	Kind      string `json:"kind"`
	State     string `json:"state,omitempty"`
	Tries     int    `json:"tries"`
	Due       string `json:"due,omitempty"`
	Owner     string `json:"owner,omitempty"` // the process that is working on it
	GivenUp   bool   `json:"given_up"`
	HeldSince string `json:"held_since,omitempty"` // it is held because no SMP knows its receiver
	HeldUntil string `json:"held_until,omitempty"` // when it is given up
	Reason    string `json:"reason,omitempty"`
}

func (c *cli) queueList() *cobra.Command {
	var givenUp bool
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List what is waiting or in progress, and what was given up", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 100_000 {
				return badArgs("--limit: want 1 to 100000")
			}
			return c.withRecord(cmd.Context(), func(cfg *config.Config, s *store.Store) error {
				for _, dead := range []bool{true, false} {
					if givenUp && !dead {
						continue
					}
					f := store.JobFilter{Dead: dead, Limit: limit}
					if err := c.listJobs(cmd.Context(), s, f, time.Duration(cfg.Send.Hold)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&givenUp, "given-up", false, "only what was given up or quarantined")
	cmd.Flags().IntVar(&limit, "limit", 1000, "how many rows at most, of each kind")
	return cmd
}

func (c *cli) listJobs(ctx context.Context, s *store.Store, f store.JobFilter, hold time.Duration) error {
	jobs, err := s.Jobs(ctx, db.DefaultTenant, f)
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	for _, j := range jobs {
		r := queueRow{ID: j.MessageID, Kind: string(j.Kind), Tries: j.Tries, GivenUp: j.Dead, Reason: j.Reason}
		if !j.Dead {
			r.Due = j.Due.Format(time.RFC3339)
		}
		if !j.LeaseEnd.IsZero() {
			r.Owner = j.Owner
		}
		if !j.Moving.IsZero() {
			r.HeldSince, r.HeldUntil = j.Moving.Format(time.RFC3339), j.Moving.Add(hold).Format(time.RFC3339)
		}
		m, err := s.Get(ctx, db.DefaultTenant, j.MessageID)
		if err == nil {
			r.MessageID, r.State = m.MessageID, string(m.State)
		} else if !errors.Is(err, db.ErrNotFound) {
			return fault.New(fault.RecordUnreadable, err, "")
		}
		if j.Dead && decided(m.State) {
			continue
		}
		if j.Dead {
			c.exit = fault.Negative
		}
		if err := c.print(r, "%-36s %-8s %-16s tries %d  %s%s%s  %s", r.ID, r.Kind, r.State, r.Tries, r.Due, by(r.Owner), r.heldText(), r.Reason); err != nil {
			return err
		}
	}
	return nil
}

// decided reports whether a message whose work was given up needs no decision any more.
func decided(s store.State) bool {
	return s == store.Closed || s == store.Archived || s == store.Cancelled || s == store.Sent || s == store.Delivered
}

// heldText says since when and until when a message is held.
func (r *queueRow) heldText() string {
	if r.HeldSince == "" {
		return ""
	}
	return "  held since " + r.HeldSince + " until " + r.HeldUntil
}

func by(owner string) string {
	if owner == "" {
		return ""
	}
	return "  by " + owner
}

// Limits of the length of a reason (API-058).
const (
	reasonMin = 3
	reasonMax = 500
)

// decision is an operator's action on a message, which is audited with a reason (API-058).
type decision struct {
	use, short, long string
	do               func(s *store.Store, ctx context.Context, tenant, id, actor, reason string) error
	done             string // what is printed afterwards, after the state
}

var decisions = []decision{
	{
		"retry", "Try a message again now that is waiting, was given up or is in quarantine",
		"The message is sent with the same MessageId and the same signed digests, so that a repeat is recognised; a document for C4 is\n" +
			"delivered under the same delivery id. A message that may have arrived stays UNKNOWN. A received document is delivered by\n" +
			"ravn serve; a message to another access point is sent by: ravn send --resume ID",
		(*store.Store).Requeue, "and due now",
	},
	{
		"cancel", "Withdraw a message to another access point that certainly has not arrived",
		"It is refused while an attempt is in progress, and if one may have arrived.", (*store.Store).Cancel, "",
	},
	{
		"discard", "Give up a received document that is dead or in quarantine: it is never delivered",
		"The document is kept. Its sender has our receipt and is not told.", (*store.Store).Discard, "",
	},
}

func (c *cli) queueDecision(d decision) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: d.use + " ID --reason TEXT", Short: d.short, Long: d.long + "\nThe decision is audited with your name.", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if n := utf8.RuneCountInString(reason); n < reasonMin || n > reasonMax {
				return badArgs("--reason: want %d to %d characters", reasonMin, reasonMax)
			}
			return c.withStore(cmd.Context(), func(s *store.Store) error {
				err := d.do(s, cmd.Context(), db.DefaultTenant, args[0], actor(), reason)
				switch {
				case errors.Is(err, db.ErrNotFound):
					return fault.New(fault.NoSuchMessage, nil, "%s", args[0])
				case errors.Is(err, db.ErrConflict), errors.Is(err, store.ErrTransition):
					return fault.New(fault.NotResumable, err, "%s", args[0])
				case err != nil:
					return fault.New(fault.RecordUnreadable, err, "")
				}
				m, err := s.Get(cmd.Context(), db.DefaultTenant, args[0])
				if err != nil {
					return fault.New(fault.RecordUnreadable, err, "")
				}
				return c.print(queueRow{ID: m.ID, MessageID: m.MessageID, State: string(m.State), Reason: reason}, "%s is %s %s", m.ID, m.State, d.done)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
