package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ravn-ap/ravn/internal/routes"
)

// routed is a configuration whose delivery is described in lines from 4 on.
func routed(delivery string) string {
	return withMore("as4:\n  listen: 127.0.0.1:1\n  plain: true\n# delivery\n" + delivery + "tenants: [acme]\n")
}

const twoBackends = `backends:
- {name: erp, kind: folder, folder: erp}
- {name: archive, kind: folder, folder: archive}
routes:
- {name: invoices, match: {receiver: "0192:810418052", document_type: "*::Invoice##*"}, to: erp}
- name: acme
  match: {tenant: acme}
  to: archive
- {name: rest, match: {}, to: archive}
`

// files are the backends without what is said of attempts.
func files(c *Config) (list []string) {
	for _, t := range c.Targets() {
		list = append(list, fmt.Sprintf("{%s %s %s %s %s %v %t}", t.Key, t.Name, t.Dir, t.Layout, t.Pattern, t.Mode,
			t.Phoss))
	}
	return list
}

// OPS-001: backends and routes of the file; the short form is one backend with one route for everything.
func TestOPS001BackendsAndRoutes(t *testing.T) {
	long, bad := checked(t, routed(twoBackends), nil)
	if bad != "" {
		t.Fatal(bad)
	}
	got := fmt.Sprint(files(long), long.RouteTable().Routes())
	if want := "[{backends[0].folder erp /erp   ---------- false} " +
		"{backends[1].folder archive /archive   ---------- false}] " +
		"[{invoices { 0192:810418052  *::Invoice##*   } erp} {acme {acme      } archive} " +
		"{rest {      } archive}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	short, bad := checked(t, withMore(inOrder), nil)
	if bad != "" {
		t.Fatal(bad)
	}
	got = fmt.Sprint(files(short), short.RouteTable().Routes())
	if want := "[{deliver.folder folder /f   ---------- false}] [{default {      } folder}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, ok := short.RouteTable().Find(routes.Document{}); !ok {
		t.Error("the short form is not for everything")
	}
}

// OPS-001, OPS-002: what could not work, or not be told apart, is refused with its line.
func TestOPS002RoutesAreChecked(t *testing.T) {
	const erp, all = "backends:\n- {name: erp, kind: folder, folder: a}\n", "routes:\n- {name: r, match: {}, to: erp}\n"
	for _, tc := range []struct{ delivery, want string }{
		{"", "RAVN-1001: the configuration is wrong: deliver.folder: a folder is needed, or backends and routes"},
		{"deliver: {folder: f}\n" + erp + all, "deliver.folder (line 10): it stands for one backend"},
		{"deliver: {folder: f}\n" + all, "deliver.folder (line 10): it stands for one backend"},
		{all, "backends: there are routes and no backend"},
		{erp, "routes: there are backends and no route"},
		{erp + "- {name: erp, kind: folder, folder: b}\n" + all, "RAVN-1016: the routes of received documents are " +
			"not clear: backends[1].name (line 12): there is a backend erp already: backends[0].name (line 11)"},
		{erp + all + "- {name: r, match: {}, to: erp}\n", "RAVN-1016: the routes of received documents are not " +
			"clear: routes[1].name (line 14): there is a route r already: routes[0].name (line 13)"},
		{erp + "routes:\n- {name: r, match: {}, to: epr}\n", "RAVN-1016: the routes of received documents are not " +
			`clear: routes[0].to (line 13): there is no backend "epr", only erp (line 10)`},
		{
			"backends:\n- {name: erp, kind: webhook, folder: a}\n" + all,
			`backends[0].kind (line 11): want one of the kinds that are offered: folder; have "webhook"`,
		},
		{"backends:\n- {name: erp, folder: a}\n" + all, "backends[0].kind: want one of the kinds"},
		{"backends:\n- {name: erp, kind: folder}\n" + all, "backends[0].folder: a folder is needed"},
		{"backends:\n- {name: E R P, kind: folder, folder: a}\n" + all, "backends[0].name (line 11): want small"},
		{"backends:\n- {name: erp, kind: folder, folder: d/blobs/x}\n" + all, "/d/blobs/x belongs to the data folder"},
		{
			erp + "- {name: b, kind: folder, folder: a/b}\n" + all,
			"backends[1].folder (line 12): /a/b and backends[0].folder (line 11), /a, must not lie in each other",
		},
		{erp + "routes:\n- {name: r, to: erp}\n", "routes[0] (line 13): say which documents take the route"},
		{erp + "routes:\n- {name: r, match: , to: erp}\n", "routes[0] (line 13): say which documents take the route"},
		{
			erp + "routes:\n- {name: r, match: {receiver: 810418052}, to: erp}\n",
			"routes[0].match.receiver (line 13): ",
		},
		{
			erp + "routes:\n- {name: r, match: {tenant: beta}, to: erp}\n",
			`routes[0].match.tenant (line 13): "beta" is not among the tenants`,
		},
		{erp + all + "notify: {folder: a/news}\n", "notify.folder (line 14): /a/news belongs to backends[0].folder"},
		{erp + all + "submit: {folder: a/out}\n", "/a/out and backends[0].folder (line 11), /a, must not lie in each"},
	} {
		if _, bad := checked(t, routed(tc.delivery), nil); !strings.Contains(bad, tc.want) {
			t.Errorf("%s: got %q, want %q", tc.delivery, bad, tc.want)
		}
	}
	for _, key := range []string{"priority: 1", "match: {recever: x}"} {
		_, err := Parse([]byte(routed(erp+"routes:\n- {name: r, to: erp, "+key+"}\n")), "/", nil)
		if err == nil || !strings.Contains(err.Error(), "line 13") {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// OPS-002: what nothing can reach is said.
func TestOPS002UnusedDelivery(t *testing.T) {
	c, bad := checked(t, routed("backends:\n- {name: a, kind: folder, folder: a}\n"+
		"- {name: b, kind: folder, folder: b}\nroutes:\n- {name: all, match: {receiver: \"*\"}, to: a}\n"+
		"- {name: one, match: {receiver: \"0192:1\"}, to: a}\n"), nil)
	if bad != "" {
		t.Fatal(bad)
	}
	var got []string
	c.UnusedDelivery(func(path, problem string) { got = append(got, path+": "+problem) })
	want := "[routes[1]: it is the route of no document: routes[0] (line 14) matches all that it matches " +
		"backends[1].folder: no route leads to backend b]"
	if fmt.Sprint(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// OPS-010: what is said of the files of a folder.
func TestOPS010FilesAreChecked(t *testing.T) {
	text := func(more string) string {
		return routed("backends:\n- {name: erp, kind: folder, folder: a, " + more +
			"}\nroutes:\n- {name: r, match: {}, to: erp}\n")
	}
	const all = "layout: flat, mode: 0660, pattern: \"{datetime}_{sender-value}\", metadata: phoss"
	c, bad := checked(t, text(all), nil)
	const want = "[{backends[0].folder erp /a flat {datetime}_{sender-value} -rw-rw---- true}]"
	if got := fmt.Sprint(files(c)); bad != "" || got != want {
		t.Errorf("%s, %s", got, bad)
	}
	for more, want := range map[string]string{
		"layout: tree":               `backends[0].layout (line 11): want ravn, flat, per-transaction, oxalis`,
		"layout: oxalis, pattern: x": "backends[0].pattern (line 11): only the layouts",
		"pattern: x":                 "backends[0].pattern (line 11): only the layouts",
		"layout: flat, pattern: \"{reciever-id}\"":   "backends[0].pattern (line 11): there is no {reciever-id}",
		"layout: flat, pattern: \"{delivery-id\"":    "backends[0].pattern (line 11): want a name without braces",
		"layout: flat, pattern: \"a/{delivery-id}\"": "backends[0].pattern (line 11): want a name without braces",
		"mode: 0440":                      `backends[0].mode (line 11): want 0600 to 0666, like 0640, have 0440`,
		"mode: 0755":                      "backends[0].mode (line 11): want 0600 to 0666",
		"mode: 640":                       "backends[0].mode (line 11): want 0600 to 0666",
		"mode: -1":                        "backends[0].mode (line 11): want 0600 to 0666",
		"metadata: json":                  "backends[0].metadata (line 11): want ravn or phoss",
		"layout: oxalis, metadata: phoss": "backends[0].metadata (line 11): the layout oxalis has no metadata",
	} {
		if _, bad := checked(t, text(more), nil); !strings.Contains(bad, want) {
			t.Errorf("%s: got %q, want %q", more, bad, want)
		}
	}
}

// OPS-005: the plan of each backend; what it does not say is usual.
func TestOPS005Plans(t *testing.T) {
	text := func(more string) string {
		return routed("backends:\n- {name: erp, kind: folder, folder: a, " + more +
			"}\nroutes:\n- {name: r, match: {}, to: erp}\n")
	}
	for more, want := range map[string]string{
		"layout: ravn": "[1m0s 2m0s 4m0s 8m0s 16m0s 32m0s] 120h0m0s 1m0s",
		"retry: [5s, 24h], give_up_after: 12h, timeout: 90s": "[5s 24h0m0s] 12h0m0s 1m30s",
		"retry: [], give_up_after: 0":                        "[] 0s 1m0s",
	} {
		c, bad := checked(t, text(more), nil)
		plan := c.Targets()[0]
		if got := fmt.Sprint(plan.Retry, plan.GiveUp, plan.Timeout); bad != "" || got != want {
			t.Errorf("%s: %s, %s, want %s", more, got, bad, want)
		}
	}
	for more, want := range map[string]string{
		"retry: [1m, 0s]":     "backends[0].retry[1] (line 11): want 1s to 24h, have 0s",
		"give_up_after: 5s":   `backends[0].give_up_after (line 11): want 0, or 1m to 3650d, have "5s"`,
		"give_up_after: soon": `backends[0].give_up_after (line 11): want 0, or 1m to 3650d, have "soon"`,
		"timeout: 0s":         `backends[0].timeout (line 11): want 1s to 1h, have "0s"`,
		"timeout: 2h":         `backends[0].timeout (line 11): want 1s to 1h, have "2h"`,
	} {
		if _, bad := checked(t, text(more), nil); !strings.Contains(bad, want) {
			t.Errorf("%s: got %q, want %q", more, bad, want)
		}
	}
	short, bad := checked(t, withMore(inOrder), nil)
	if got := short.Targets()[0].GiveUp.String(); bad != "" || got != "120h0m0s" {
		t.Errorf("deliver.folder gives up after %s, %s", got, bad)
	}
}
