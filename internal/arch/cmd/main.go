// Cmd writes docs/architecture.md to its output, for make docs. It is run in the root of the project.
package main

import (
	"fmt"
	"os"

	"github.com/ravn-ap/ravn/internal/arch"
)

func main() {
	list, err := arch.Packages(".")
	if err == nil {
		_, err = os.Stdout.Write(arch.Document(list))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
