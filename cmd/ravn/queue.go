package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

func (c *cli) queue() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Show waiting work, and decide about messages that were given up or " +
		"quarantined"}
	cmd.AddCommand(c.queueList())
	for _, d := range decisions {
		cmd.AddCommand(c.decide(d))
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
	Host      string `json:"host,omitempty"`  // where it goes, as far as it is known
	Attempts  int    `json:"attempts"`        // of its plan so far
	Waits     bool   `json:"waits,omitempty"` // it is due, and waits for a place or until its access point is tried again
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
			return c.withDeskOf(cmd.Context(), func(cfg *config.Config, d *documents.Desk) error {
				for _, dead := range []bool{true, false} {
					if givenUp && !dead {
						continue
					}
					f := store.JobFilter{Dead: dead, Limit: limit}
					if err := c.listJobs(cmd.Context(), d.Store, f, time.Duration(cfg.Send.Hold)); err != nil {
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
		r := queueRow{
			ID: j.MessageID, Kind: string(j.Kind), Tries: j.Tries, GivenUp: j.Dead, Reason: j.Reason,
			Host: j.Lane, Attempts: j.Spent,
		}
		if !j.Dead {
			r.Due = j.Due.Format(time.RFC3339)
		}
		if !j.LeaseEnd.IsZero() {
			r.Owner = j.Owner
		}
		r.Waits = !j.Dead && r.Owner == "" && time.Since(j.Due) > shortly
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
		if err := c.print(r, "%-36s %-8s %-16s tries %d  %s%s%s%s  %s", r.ID, r.Kind, r.State, r.Tries, r.Due,
			by(r.Owner), r.hostText(), r.heldText(), r.Reason); err != nil {
			return err
		}
	}
	return nil
}

// decided reports whether a message whose work was given up needs no decision any more.
func decided(s store.State) bool {
	return s == store.Closed || s == store.Archived || s == store.Cancelled || s == store.Sent || s == store.Delivered
}

// shortly is how long due work may lie before it is said to wait: until then it has its turn by itself.
const shortly = 10 * time.Second

// hostText says where a message goes, and that it waits for that.
func (r *queueRow) hostText() string {
	switch {
	case r.Host != "" && r.Waits:
		return "  waits for " + r.Host
	case r.Host != "":
		return "  to " + r.Host
	case r.Waits:
		return "  waits for its turn"
	}
	return ""
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
