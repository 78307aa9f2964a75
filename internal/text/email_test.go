package text_test

import (
	"strings"
	"testing"

	"github.com/fanward/fanward/internal/text"
)

func TestEmail(t *testing.T) {
	for in, want := range map[string]string{
		" Ming@Example.COM\n":         "ming@example.com",
		"ming@例子.中国":                  "ming@xn--fsqu00a.xn--fiqs8s",
		"MING@XN--FSQU00A.xn--fiqs8s": "ming@xn--fsqu00a.xn--fiqs8s",
		"a+b@mail.example":            "a+b@mail.example",
	} {
		if got, ok := text.Email(in); got != want || !ok {
			t.Errorf("%q is %q, %v", in, got, ok)
		}
	}
	for _, in := range []string{"", "ming", "@example.com", "ming@", "Ming <ming@example.com>", "a@b@c", "a b@example.com", "ming@example.com, lin@example.com", strings.Repeat("a", 250) + "@b.example"} {
		if got, ok := text.Email(in); ok {
			t.Errorf("%q counts as the address %q", in, got)
		}
	}
}
