package pack

import (
	"cmp"
	"regexp"
	"strconv"
)

// versionParts are the numbers and words of a version.
var versionParts = regexp.MustCompile(`[0-9]+|[A-Za-z]+`)

// compareVersions compares versions part by part, numbers by their value: 2025.5 comes before 2025.11.
func compareVersions(a, b string) int {
	x, y := versionParts.FindAllString(a, -1), versionParts.FindAllString(b, -1)
	for i := range min(len(x), len(y)) {
		m, errM := strconv.Atoi(x[i])
		n, errN := strconv.Atoi(y[i])
		c := cmp.Compare(m, n)
		if errM != nil || errN != nil {
			c = cmp.Compare(x[i], y[i])
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(x), len(y))
}
