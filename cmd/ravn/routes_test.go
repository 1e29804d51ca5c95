package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const routed = `backends:
- {name: erp, kind: folder, folder: erp, give_up_after: 12h}
- {name: rest, kind: folder, folder: rest, layout: flat}
routes:
- {name: orders, match: {document_type: "*::Order##*"}, to: rest}
- {name: invoices, match: {receiver: "0192:810418052", sender: "0192:*"}, to: erp}
`

// OPS-007: the commands show what the configuration says, which route a document takes and why, and whether the place
// that it leads to works; nothing stays of the probe.
func TestOPS007RoutesAndBackends(t *testing.T) {
	dir := configDir(t)
	file := filepath.Join(dir, "ravn.yaml")
	text := strings.Replace(inOrder, "deliver:\n  folder: inbox\n", routed, 1)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "erp"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"routes list", 0, "invoices             → erp                   receiver 0192:810418052, sender 0192:*\n"},
		{"routes list --json", 0, `{"route":"orders","backend":"rest","match":{"document_type":"*::Order##*"}}` + "\n"},
		{
			"backends list", 0,
			"rest                 folder  " + dir + "/rest  flat, 8 at once, given up after 120h0m0s\n",
		},
		{"backends list --json", 0, `"layout":"ravn","retry":["1m0s","2m0s","4m0s","8m0s","16m0s","32m0s"],` +
			`"give_up_after":"12h0m0s","timeout":"1m0s","concurrency":8,"rate":0}` + "\n"},
		{
			"routes test --receiver 0192:810418052 --sender 0192:991825827 --doctype billing", 0,
			"have busdox-docid-qns::urn:oasis:names:specification:ubl:schema:xsd:Invoice-2::Invoice##urn:" +
				"cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:" +
				"billing:3.0::2.1\nroute invoices, to backend erp\n",
		},
		{"routes test --receiver 0192:810418052 --sender 0192:991825827 --send", 0, "to backend erp, which works\n"},
		{"routes test --receiver 0192:810418052", 1, "not invoices: it wants sender 0192:*, have none\nno route"},
		{"routes test --receiver 0192:810418052 --json", 1, `{"passed":[{"route":"orders","member":"document_type",` +
			`"wants":"*::Order##*","has":""},{"route":"invoices","member":"sender","wants":"0192:*","has":""}]}`},
		{"routes test", 2, "--receiver is missing"},
		{"routes test --receiver 1", 2, "RAVN-1012"},
		{"backends test erp", 0, "backend erp works\n"},
		{"backends test rest", 2, "opening the folder"},
		{"backends test none", 2, `there is no backend "none"`},
	} {
		out, errs, code := call(t, append(strings.Fields(tc.args), "--config", file)...)
		if code != tc.code || !strings.Contains(out+errs, tc.want) {
			t.Errorf("%s: exit %d, %s%s", tc.args, code, out, errs)
		}
	}
	left, err := os.ReadDir(filepath.Join(dir, "erp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
}
