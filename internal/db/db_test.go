package db

import "testing"

func TestQueryText(t *testing.T) {
	pg := Engine{Dollar: true, Clock: "now()", SkipLocked: " FOR UPDATE SKIP LOCKED"}
	if got := pg.text(
		"a = ? AND b < {clock} AND c = ?{skip locked}"); got != "a = $1 AND b < now() AND c = $2 "+
		"FOR UPDATE SKIP LOCKED" {
		t.Error(got)
	}
	lite := Engine{Clock: "unixepoch()"}
	if got := lite.text("a = ? AND b < {clock}{skip locked}"); got != "a = ? AND b < unixepoch()" {
		t.Error(got)
	}
}

func TestMigrationsAreNumbered(t *testing.T) {
	list, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		if m.version != i+1 || m.oldest < 1 || m.oldest > m.version {
			t.Errorf("%s: version %d, oldest %d", m.name, m.version, m.oldest)
		}
	}
	if len(list) == 0 {
		t.Error("none found")
	}
}
