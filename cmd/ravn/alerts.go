package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/alert"
	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/documents"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
)

func (c *cli) alerts() *cobra.Command {
	cmd := &cobra.Command{Use: "alerts", Short: "Show what is wrong, acknowledge or silence it, and test who is told"}
	cmd.AddCommand(c.alertsList(), c.alertsAck(), c.alertsSilence(), c.alertsTest())
	return cmd
}

// alertRow is an alert as it is shown.
type alertRow struct {
	ID          string         `json:"id"`
	Rule        alert.Rule     `json:"rule"`
	Key         string         `json:"key"`
	Severity    alert.Severity `json:"severity"`
	Tenant      string         `json:"tenant"`
	Opened      string         `json:"opened"`
	Seen        string         `json:"last_seen"`
	Closed      string         `json:"closed,omitempty"`
	Count       int64          `json:"count"`
	Text        string         `json:"text"`
	Code        fault.Code     `json:"code,omitempty"`
	Blame       string         `json:"blame,omitempty"`
	Next        string         `json:"next,omitempty"`
	Document    string         `json:"document,omitempty"`
	Acked       string         `json:"acknowledged,omitempty"`
	AckedBy     string         `json:"acknowledged_by,omitempty"`
	Silenced    string         `json:"silenced_until,omitempty"`
	SilencedWhy string         `json:"silenced_why,omitempty"`
}

// channelRow is a channel as it is shown.
type channelRow struct {
	Channel  string `json:"channel"`
	Waiting  int64  `json:"waiting"`
	Failures int    `json:"failures"`
	Failing  string `json:"failing_since,omitempty"`
	Next     string `json:"next,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// withAlerts opens the record and calls do with its alerts. It needs no running server.
func (c *cli) withAlerts(ctx context.Context, do func(*config.Config, *alert.Book) error) error {
	return c.withDeskOf(ctx, func(cfg *config.Config, d *documents.Desk) error {
		return do(cfg, &alert.Book{DB: d.Store.DB, CloseAfter: time.Duration(cfg.Alerts.CloseAfter), Host: cfg.Host})
	})
}

func (c *cli) alertsList() *cobra.Command {
	var past int
	cmd := &cobra.Command{
		Use: "list", Short: "List open alerts, and channels that cannot send", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if past < 0 || past > 100_000 {
				return badArgs("--past: want 0 to 100000")
			}
			return c.withAlerts(cmd.Context(), func(_ *config.Config, b *alert.Book) error {
				return c.listAlerts(cmd.Context(), b, past)
			})
		},
	}
	cmd.Flags().IntVar(&past, "past", 0, "how many of those that have closed to list as well")
	return cmd
}

func (c *cli) listAlerts(ctx context.Context, b *alert.Book, past int) error {
	list, err := b.Open(ctx)
	closed, cerr := b.Past(ctx, past)
	states, serr := b.States(ctx)
	if err := errors.Join(err, cerr, serr); err != nil {
		return fault.New(fault.RecordUnreadable, err, "")
	}
	for _, a := range append(list, closed...) {
		if err := c.printAlert(&a); err != nil {
			return err
		}
		if a.Closed.IsZero() && a.Severity != alert.Info && a.Acked.IsZero() && a.Silenced.Before(time.Now()) {
			c.exit = fault.Negative
		}
	}
	for _, s := range states {
		if s.Failing.IsZero() {
			continue
		}
		c.exit = fault.Negative
		r := channelRow{s.Name, s.Waiting, s.Failures, clockText(s.Failing), clockText(s.Next), s.Reason}
		if err := c.print(r, "channel %s has failed %d times since %s, %d wait, next at %s: %s", r.Channel, r.Failures,
			r.Failing, r.Waiting, r.Next, r.Reason); err != nil {
			return err
		}
	}
	return nil
}

// printAlert shows an alert in one line, and for people what to do in another.
func (c *cli) printAlert(a *alert.Alert) error {
	r := alertRow{
		ID: a.ID, Rule: a.Rule, Key: a.Key, Severity: a.Severity, Tenant: a.Tenant, Opened: clockText(a.Opened),
		Seen: clockText(a.Seen), Closed: clockText(a.Closed), Count: a.Count, Text: a.What, Code: a.Code,
		Blame: a.Blame(), Next: a.Next(), Document: a.Message, Acked: clockText(a.Acked), AckedBy: a.AckedBy,
		Silenced: clockText(a.Silenced), SilencedWhy: a.SilencedWhy,
	}
	note := ""
	switch {
	case r.Closed != "":
		note = "  closed " + r.Closed
	case a.Silenced.After(time.Now()):
		note = "  silenced until " + r.Silenced + ": " + r.SilencedWhy
	case r.Acked != "":
		note = "  acknowledged by " + r.AckedBy
	}
	if r.Document != "" {
		note += "  " + r.Document
	}
	if err := c.print(r, "%s  %-4s %-18s since %s  %s%s", r.ID, r.Severity, r.Rule, r.Opened, r.Text,
		note); err != nil {
		return err
	}
	if r.Closed == "" {
		c.hint("    %s", r.Next)
	}
	return nil
}

func clockText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func (c *cli) alertsAck() *cobra.Command {
	return &cobra.Command{
		Use: "ack ID…", Short: "Say that somebody sees to an alert: it is not repeated", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.withAlerts(cmd.Context(), func(_ *config.Config, b *alert.Book) error {
				for _, id := range args {
					a, err := b.Ack(cmd.Context(), id, actor())
					if err := c.changedAlert(&a, id, err); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (c *cli) alertsSilence() *cobra.Command {
	var span time.Duration
	var reason string
	cmd := &cobra.Command{
		Use: "silence ID…", Short: "Tell nobody of an alert for a while, also if it closes and comes again",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if span <= 0 || span > alert.MaxSilence {
				return badArgs("--for: want a time like 2h, at most %s", alert.MaxSilence)
			}
			if reason == "" {
				return badArgs("--reason is missing: it stands beside the alert and in the audit trail")
			}
			return c.withAlerts(cmd.Context(), func(_ *config.Config, b *alert.Book) error {
				for _, id := range args {
					a, err := b.Silence(cmd.Context(), id, actor(), reason, span)
					if err := c.changedAlert(&a, id, err); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&span, "for", 0, "how long, like 2h; at most 720h")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for those who come after")
	return cmd
}

// changedAlert shows an alert after a decision about it.
func (c *cli) changedAlert(a *alert.Alert, id string, err error) error {
	switch {
	case errors.Is(err, db.ErrNotFound):
		return fault.New(fault.NoSuchAlert, nil, "%s", id)
	case err != nil:
		return fault.New(fault.RecordUnreadable, err, "")
	}
	return c.printAlert(a)
}

// testRow is the outcome of a test of a channel.
type testRow struct {
	Channel string `json:"channel"`
	OK      bool   `json:"ok"`
	Ms      int64  `json:"ms"`
	Error   string `json:"error,omitempty"`
}

func (c *cli) alertsTest() *cobra.Command {
	return &cobra.Command{
		Use: "test [CHANNEL]", Short: "Send a test on all channels, or on one", Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err != nil {
				return err
			}
			channels, err := node.AlertChannels(cfg, programVersion())
			if err != nil {
				return err
			}
			tried := 0
			for i := range channels {
				ch := &channels[i]
				if len(args) > 0 && args[0] != ch.Name {
					continue
				}
				tried++
				if err := c.testChannel(cmd.Context(), ch, cfg.Host); err != nil {
					return err
				}
			}
			if tried == 0 {
				return badArgs("there is no such channel in alerts.channels")
			}
			return nil
		},
	}
}

func (c *cli) testChannel(ctx context.Context, ch *alert.Channel, host string) error {
	began := time.Now()
	err := ch.Test(ctx, host, began)
	r := testRow{Channel: ch.Name, OK: err == nil, Ms: time.Since(began).Milliseconds()}
	if err == nil {
		return c.print(r, "%s: sent in %d ms", r.Channel, r.Ms)
	}
	c.exit = fault.Unsure
	r.Error = fault.New(fault.ChannelFailed, err, "%s", ch.Name).Error()
	return c.print(r, "%s", r.Error)
}
