package program

import (
	"fmt"
	"slices"
	"strings"
)

// Chosen are the parts of a benchmark that only names, separated by commas; all of
// them when it is empty. A name that is none of them is an error.
func Chosen(only string, all ...string) (map[string]bool, error) {
	names := all
	if only != "" {
		names = strings.Split(only, ",")
	}
	chosen := map[string]bool{}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("-only: %q is none of %s", name, strings.Join(all, ", "))
		}
		chosen[name] = true
	}
	return chosen, nil
}
