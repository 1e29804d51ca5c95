package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ravn-ap/ravn/internal/config"
	"github.com/ravn-ap/ravn/internal/db"
	"github.com/ravn-ap/ravn/internal/fault"
	"github.com/ravn-ap/ravn/internal/node"
	"github.com/ravn-ap/ravn/internal/routes"
	"github.com/ravn-ap/ravn/peppol"
)

func (c *cli) routes() *cobra.Command {
	cmd := &cobra.Command{Use: "routes", Short: "Where received documents go"}
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "Show the routes in the order in which they are tried", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.listRoutes() },
	}, c.routesTest())
	return cmd
}

func (c *cli) backends() *cobra.Command {
	cmd := &cobra.Command{Use: "backends", Short: "The places that received documents are delivered to"}
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "Show the backends and their plans", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return c.listBackends() },
	}, &cobra.Command{
		Use: "test NAME", Short: "Try a backend with a hidden probe, which is removed again", Args: cobra.ExactArgs(1),
		Long: "Does what a delivery does, with a small hidden file that is removed again, and names the step that " +
			"fails. Run it as the\nuser of the server.",
		RunE: func(_ *cobra.Command, args []string) error {
			cfg, err := c.load()
			if err == nil {
				err = node.ProbeBackend(cfg, args[0])
			}
			if err != nil {
				return err
			}
			return c.print(tried{args[0], true}, "backend %s works", args[0])
		},
	})
	return cmd
}

// tried is a backend that was tried.
type tried struct {
	Backend string `json:"backend"`
	Works   bool   `json:"works"`
}

// shownRoute is a route of a list.
type shownRoute struct {
	Route   string            `json:"route"`
	Backend string            `json:"backend"`
	Match   map[string]string `json:"match"`
}

func (c *cli) listRoutes() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	for _, r := range cfg.RouteTable().Routes() {
		match, text := map[string]string{}, "everything"
		var parts []string
		for _, m := range r.Match.Members() {
			match[m.Name] = m.Pattern
			parts = append(parts, m.Name+" "+m.Pattern)
		}
		if len(parts) > 0 {
			text = strings.Join(parts, ", ")
		}
		if err := c.print(shownRoute{r.Name, r.To, match}, "%-20s → %-20s  %s", r.Name, r.To, text); err != nil {
			return err
		}
	}
	return nil
}

// shownBackend is a backend of a list.
type shownBackend struct {
	Backend string   `json:"backend"`
	Kind    string   `json:"kind"`
	Folder  string   `json:"folder"`
	Layout  string   `json:"layout"`
	Retry   []string `json:"retry"`
	GiveUp  string   `json:"give_up_after"`
	Timeout string   `json:"timeout"`

	Concurrency int `json:"concurrency"`
	Rate        int `json:"rate"` // per second; 0: any number
}

func (c *cli) listBackends() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	for _, t := range cfg.Targets() {
		b := shownBackend{
			Backend: t.Name, Kind: config.KindFolder, Folder: t.Dir, Layout: cmp.Or(t.Layout, config.Layouts()[0]),
			Retry: []string{}, GiveUp: t.GiveUp.String(), Timeout: t.Timeout.String(),
			Concurrency: t.Concurrency, Rate: t.Rate,
		}
		for _, d := range t.Retry {
			b.Retry = append(b.Retry, d.String())
		}
		giveUp := "never given up"
		if t.GiveUp > 0 {
			giveUp = "given up after " + b.GiveUp
		}
		err := c.print(b, "%-20s %s  %s  %s, %d at once, %s", b.Backend, b.Kind, b.Folder, b.Layout, b.Concurrency,
			giveUp)
		if err != nil {
			return err
		}
	}
	return nil
}

// asked is a document that routes test looks the route of up.
type asked struct {
	receiver, sender, docType, process, tenant, domain, c2 string
	send                                                   bool
}

func (c *cli) routesTest() *cobra.Command {
	var a asked
	cmd := &cobra.Command{
		Use: "test --receiver ID [--doctype TYPE] [--send]", Args: cobra.NoArgs,
		Short: "Show which route a document would take, and why",
		Long: "Names the route that the configuration has for such a document, and of each route before it what " +
			"does not fit. What is not\ngiven fits only routes that do not ask for it. With --send the backend is " +
			"tried as by ravn backends test.",
		RunE: func(*cobra.Command, []string) error { return c.testRoute(&a) },
	}
	f := cmd.Flags()
	f.StringVar(&a.receiver, "receiver", "", "participant id of the receiver, like 0192:991825827")
	f.StringVar(&a.sender, "sender", "", "participant id of the sender")
	f.StringVar(&a.docType, "doctype", "", typeFlag)
	f.StringVar(&a.process, "process", "", "process identifier (default: that of the short name)")
	f.StringVar(&a.tenant, "tenant", db.DefaultTenant, "tenant")
	f.StringVar(&a.domain, "domain", domains[0], "domain: "+strings.Join(domains, ", "))
	f.StringVar(&a.c2, "c2", "", "seat id of the access point that the document comes from")
	f.BoolVar(&a.send, "send", false, "also try the backend with a hidden probe, which is removed again")
	return cmd
}

// document is what the table is asked about.
func (a *asked) document() (d routes.Document, err error) {
	if a.receiver == "" {
		return d, badArgs("--receiver is missing")
	}
	if !slices.Contains(domains, a.domain) {
		return d, badArgs("there is no domain %q: want %s", a.domain, strings.Join(domains, ", "))
	}
	d = routes.Document{Tenant: a.tenant, Domain: a.domain, C2: a.c2}
	for _, p := range []struct {
		text string
		to   *string
	}{{a.receiver, &d.Receiver}, {a.sender, &d.Sender}} {
		id, err := peppol.ParseParticipant(p.text)
		if err != nil && p.text != "" {
			return d, fault.New(fault.BadArguments, err, "")
		}
		*p.to = id.Value()
	}
	docType, process, err := typeFlags(a.docType, a.process)
	d.DocType, d.Process = docType.String(), process.String()
	return d, err
}

// shownLead is where a document would go.
type shownLead struct {
	Route   string   `json:"route,omitempty"`
	Backend string   `json:"backend,omitempty"`
	Works   *bool    `json:"works,omitempty"` // with --send
	Passed  []passed `json:"passed"`
}

// passed is a route that was not taken.
type passed struct {
	Route  string `json:"route"`
	Member string `json:"member"`
	Wants  string `json:"wants"`
	Has    string `json:"has"`
}

func (c *cli) testRoute(a *asked) error {
	d, err := a.document()
	if err != nil {
		return err
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	table := cfg.RouteTable()
	lead, text := shownLead{Passed: []passed{}}, ""
	for _, p := range table.Why(d) {
		lead.Passed = append(lead.Passed, passed{p.Route.Name, p.Member, p.Pattern, p.Differ})
		text += fmt.Sprintf("not %s: it wants %s %s, have %s\n", p.Route.Name, p.Member, p.Pattern,
			cmp.Or(p.Differ, "none"))
	}
	r, ok := table.Find(d)
	if !ok {
		c.exit = fault.Negative
		return c.print(lead, "%s", text+"no route: such a document would wait (RAVN-3106)")
	}
	lead.Route, lead.Backend = r.Name, r.To
	text += fmt.Sprintf("route %s, to backend %s", r.Name, r.To)
	if a.send {
		if err := node.ProbeBackend(cfg, r.To); err != nil {
			if !c.json {
				c.hint("%s", text)
			}
			return err
		}
		works := true
		lead.Works = &works
		text += ", which works"
	}
	return c.print(lead, "%s", text)
}
