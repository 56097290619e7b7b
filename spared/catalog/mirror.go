package catalog

import (
	"fmt"
	"net/url"
	"strings"
)

// Mirror replaces hosts of the catalogue by others. The key is a host, e.g.
// "cf.10xgenomics.com", and the value the address that takes the place of
// "https://" and the host. The value of the key "" takes the place of
// "https://" only, for all hosts that have no key: a mirror of everything,
// with a folder a host. A mirror, and only a mirror, may be http.
type Mirror map[string]string

// ParseMirrors reads mirrors as the commands take them: "HOST=URL" or "URL".
func ParseMirrors(args []string) (Mirror, error) {
	m := Mirror{}
	for _, arg := range args {
		host, base, ok := strings.Cut(arg, "=")
		if !ok || strings.Contains(host, "/") {
			host, base = "", arg
		}
		if _, twice := m[host]; twice {
			return nil, fmt.Errorf("catalog: two mirrors of %q", host)
		}
		m[host] = base
	}
	return m, m.check()
}

func (m Mirror) check() error {
	for host, base := range m {
		u, err := url.Parse(base)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
			return fmt.Errorf("catalog: mirror %q of %q: want an address such as https://mirror.example.org/spatial", base, host)
		}
	}
	return nil
}

// rewrite returns the address to use in place of the catalogue's.
func (m Mirror) rewrite(address string) string {
	rest, ok := strings.CutPrefix(address, "https://")
	if !ok {
		return address
	}
	host, tail, _ := strings.Cut(rest, "/")
	if base, ok := m[host]; ok {
		return strings.TrimSuffix(base, "/") + "/" + tail
	}
	if base, ok := m[""]; ok {
		return strings.TrimSuffix(base, "/") + "/" + rest
	}
	return address
}
