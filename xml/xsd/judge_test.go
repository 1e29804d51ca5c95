package xsd

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/ravn-ap/ravn/internal/golden"
	"github.com/ravn-ap/ravn/testbed/interop"
)

// judge is the Xerces of the JDK, as testdata/XercesJudge.java drives it.
type judge struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startJudge returns the one judge of all tests, or skips the test when there is no JVM. It ends with the tests, when
// its input is closed.
func startJudge(t testing.TB) *judge {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		golden.Missing(t, interop.Require, "the Java peers are not there, make interop-build makes them",
			"Xerces as a judge")
	}
	j, err := theJudge()
	if err != nil {
		t.Fatal(err)
	}
	return j
}

var theJudge = sync.OnceValues(func() (*judge, error) {
	cmd := exec.Command("java", "-Xmx1g", "testdata/XercesJudge.java")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &judge{in, bufio.NewReaderSize(out, 1<<20)}, cmd.Start()
})

// verdict is what the judge says about a document.
type verdict struct {
	refused, malformed string   // why the schema or the document cannot be read
	errs               []string // path, blank, constraint
}

// ownNames are violations by values for which Xerces has names of its own.
var ownNames = strings.NewReplacer(" UndeclaredPrefix", " cvc-datatype-valid.1.2.1", " UndeclaredEntity",
	" cvc-datatype-valid.1.2.1")

func (j *judge) ask(t testing.TB, schema string, doc []byte) verdict {
	t.Helper()
	if _, err := fmt.Fprintf(j.in, "%s\t%s\n", schema, base64.StdEncoding.EncodeToString(doc)); err != nil {
		t.Fatal(err)
	}
	line, err := j.out.ReadString('\n')
	if err != nil {
		t.Fatalf("no answer of the judge: %v", err)
	}
	line = strings.TrimSuffix(line, "\n")
	switch word, rest, _ := strings.Cut(line, " "); word {
	case "valid":
		return verdict{}
	case "refused":
		return verdict{refused: rest}
	case "malformed":
		return verdict{malformed: rest}
	}
	return verdict{errs: strings.Split(ownNames.Replace(line), "\t")}
}
