package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/store"
)

func (c *cli) queue() *cobra.Command {
	cmd := &cobra.Command{Use: "queue", Short: "Work that waits, and messages that were given up or quarantined"}
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
	Owner     string `json:"owner,omitempty"` // who is at it
	GivenUp   bool   `json:"given_up"`
	Reason    string `json:"reason,omitempty"`
}

func (c *cli) queueList() *cobra.Command {
	var givenUp bool
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "List what waits or is under way, and what was given up", Args: cobra.NoArgs,
		Long: "Exit codes: 0; 1 something was given up or quarantined and waits for a decision: ravn queue retry.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 100_000 {
				return badArgs("--limit: want 1 to 100000")
			}
			return c.withDesk(cmd.Context(), func(d *documents.Desk) error {
				for _, dead := range []bool{true, false} {
					if givenUp && !dead {
						continue
					}
					if err := c.listJobs(cmd.Context(), d.Store, store.JobFilter{Dead: dead, Limit: limit}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&givenUp, "given-up", false, "only what was given up or quarantined")
	cmd.Flags().IntVar(&limit, "limit", 1000, "how many rows at most, of each sort")
	return cmd
}

func (c *cli) listJobs(ctx context.Context, s *store.Store, f store.JobFilter) error {
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
		if err := c.print(r, "%-36s %-8s %-16s tries %d  %s%s  %s", r.ID, r.Kind, r.State, r.Tries, r.Due, by(r.Owner), r.Reason); err != nil {
			return err
		}
	}
	return nil
}

// decided tells that a message whose work was given up needs nobody any more.
func decided(s store.State) bool {
	return s == store.Closed || s == store.Archived || s == store.Cancelled || s == store.Sent || s == store.Delivered
}

func by(owner string) string {
	if owner == "" {
		return ""
	}
	return "  by " + owner
}
