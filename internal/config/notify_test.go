package config

import (
	"fmt"
	"strings"
	"testing"
)

// OPS-009: news is not put where documents or payloads are.
func TestOPS009NotifyFolder(t *testing.T) {
	for folder, bad := range map[string]bool{
		"data/blobs/x": true, "data": true, "inbox": true, "inbox/news": true,
		"data/news": false, "news": false, "": false,
	} {
		text := "data: data\ndeliver: {folder: inbox}\nnotify: {folder: " + folder + "}\n"
		c, err := Parse([]byte(text), "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(fmt.Sprint(c.Check()), "notify.folder (line 3)"); got != bad {
			t.Errorf("%q is refused: %t", folder, got)
		}
	}
}
