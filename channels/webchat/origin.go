package webchat

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Origin brings a web origin into the form that browsers send: scheme, host in
// lower case and ASCII (xn--), and a port that is not the scheme's own. "*"
// stands for any; an asterisk within a host means nothing to a browser and is
// refused.
func Origin(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "*" {
		return s, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#") || u.User != nil {
		return "", notAnOrigin(s)
	}
	host, ok := hostOf(u.Hostname())
	port, fits := portOf(u)
	if !ok || !fits {
		return "", notAnOrigin(s)
	}
	return u.Scheme + "://" + host + port, nil
}

func notAnOrigin(s string) error { return fmt.Errorf("%.80q is not a web origin", s) }

// names maps as browsers do: case folded, full-width forms replaced, and
// underscores let through.
var names = idna.New(idna.MapForLookup(), idna.StrictDomainName(false), idna.BidiRule(), idna.Transitional(false))

var hostForm = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$`)

func hostOf(host string) (string, bool) {
	if strings.Contains(host, ":") {
		ip, err := netip.ParseAddr(host)
		if err != nil || ip.Zone() != "" {
			return "", false
		}
		return "[" + ipv6(ip) + "]", true
	}
	ascii, err := names.ToASCII(host)
	if err != nil || !utf8.ValidString(host) || !hostForm.MatchString(ascii) {
		return "", false
	}
	again, err := names.ToASCII(ascii) // not every xn-- label stands for a name
	return ascii, err == nil && again == ascii
}

// ipv6 writes an address as browsers do: also an embedded IPv4 one in hexadecimal.
func ipv6(ip netip.Addr) string {
	if !ip.Is4In6() {
		return ip.String()
	}
	b := ip.As16()
	return fmt.Sprintf("::ffff:%x:%x", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15]))
}

// portOf is ":port", empty for the scheme's own.
func portOf(u *url.URL) (string, bool) {
	if u.Port() == "" {
		return "", true
	}
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return "", false
	}
	if n == 80 && u.Scheme == "http" || n == 443 && u.Scheme == "https" {
		return "", true
	}
	return ":" + strconv.FormatUint(n, 10), true
}
