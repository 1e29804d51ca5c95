package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/store"
	"github.com/ravn-ap/ravn/internal/verify"
)

const verifyHelp = `Reads the whole record and all payloads and names everything that is not as it must be: payloads
that are missing or damaged; messages that wait without work, or are finished with work that is open; timelines with a
gap; messages without their receipt; receipts for messages that are gone. It reads only, and may run while the server
is running. The server does the same by itself, the record all the time and all payloads once a week; --status shows
what came of that.`

func (c *cli) verify() *cobra.Command {
	var record, payloads, status bool
	var rate int64
	cmd := &cobra.Command{
		Use: "verify", Short: "Compare the record with itself and with its payloads", Long: verifyHelp,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rate < 0 {
				return badArgs("--rate: want 0 or more")
			}
			return c.withPayloads(cmd.Context(), func(d *node.Data) error {
				if status {
					return c.upkeep(d)
				}
				all := !record && !payloads
				return c.verifyData(cmd.Context(), d, all || record, all || payloads, rate<<20)
			})
		},
	}
	cmd.Flags().BoolVar(&record, "record", false, "only the record")
	cmd.Flags().BoolVar(&payloads, "payloads", false, "only the payloads")
	cmd.Flags().BoolVar(&status, "status", false, "only show what the server's own checks have found so far")
	cmd.Flags().Int64Var(&rate, "rate", 0, "MiB of payloads read per second at most; 0 is as fast as it goes")
	return cmd
}

// withPayloads opens record and payloads that belong together.
func (c *cli) withPayloads(ctx context.Context, do func(*node.Data) error) error {
	cfg, err := config.Load(c.config)
	if err != nil {
		return err
	}
	d, err := node.OpenRecord(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Store.Close())
}

// verified is what was looked at, and how much of it is wrong.
type verified struct {
	Event string      `json:"event"`
	Rows  int         `json:"rows"` // messages of the record
	Keys  int         `json:"keys"` // signs of messages that were accepted
	Read  verify.Read `json:"read"`
	Wrong int         `json:"wrong"`
	OK    bool        `json:"ok"`
}

// finding is a line about something that is wrong.
type finding struct {
	Event string `json:"event"`
	verify.Finding
}

func (c *cli) verifyData(ctx context.Context, d *node.Data, record, payloads bool, rate int64) (err error) {
	sum := verified{Event: "verified"}
	v := d.Verifier(func(f verify.Finding) error {
		sum.Wrong++
		return c.print(finding{"finding", f}, "%s", f)
	})
	v.Rate = rate
	if record {
		_, sum.Rows, err = v.Record(ctx, "", 0)
		if err == nil {
			_, sum.Keys, err = v.Keys(ctx, store.Spot{}, 0)
		}
	}
	if payloads && err == nil {
		_, sum.Read, _, err = v.Payloads(ctx, "")
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	sum.OK = sum.Wrong == 0
	if err := c.print(sum, "messages %d, receipts given %d, payloads %d with %d bytes: %s", sum.Rows, sum.Keys,
		sum.Read.Payloads, sum.Read.Bytes, wrongText(sum.Wrong)); err != nil || sum.OK {
		return err
	}
	bad := fault.New(fault.RecordDiffers, nil, "%d", sum.Wrong)
	if c.json {
		return &shownError{bad}
	}
	return bad
}

func wrongText(n int) string {
	if n == 0 {
		return "everything is as it must be"
	}
	return fmt.Sprintf("%d not as they must be", n)
}

// upkeep shows what the checks of the server have found.
func (c *cli) upkeep(d *node.Data) error {
	u, err := d.Upkeep()
	if err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	for _, p := range []*node.Pass{&u.Record, &u.Keys, &u.Payloads} {
		for _, f := range p.Findings {
			c.hint("%s", f)
		}
		if p.Wrong+p.LastWrong > 0 {
			c.exit = fault.Negative
		}
	}
	recent := "never"
	if !u.Recent.IsZero() {
		recent = u.Recent.Format(time.RFC3339)
	}
	const text = "recent messages  compared at %s\nrecord           %s\nreceipts given   %s\npayloads         %s"
	return c.print(u, text, recent, passText(&u.Record), passText(&u.Keys), passText(&u.Payloads))
}

// passText says how far a pass has come.
func passText(p *node.Pass) string {
	n := p.Rows + int64(p.Read.Payloads)
	switch {
	case p.Began.IsZero():
		return "not looked at yet"
	case p.Ended.IsZero():
		return fmt.Sprintf("%d since %s, going on: %s", n, p.Began.Format(time.RFC3339), wrongText(p.Wrong))
	}
	return fmt.Sprintf("all %d from %s to %s: %s", n, p.Began.Format(time.RFC3339), p.Ended.Format(time.RFC3339),
		wrongText(p.Wrong))
}
