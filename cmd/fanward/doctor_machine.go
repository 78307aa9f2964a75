package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fanward/fanward/internal/config"
	"github.com/fanward/fanward/internal/store"
)

const (
	// enoughFiles is how many open files let a program hold its sockets, with
	// room for the database.
	enoughFiles = 65536
	// walWarning is a log that something has kept from being emptied for long.
	walWarning = 1 << 30
	// certificateWarning is how long before its end a certificate is due.
	certificateWarning = 14 * 24 * time.Hour
)

// File systems by the number that statfs gives (man 2 statfs).
var (
	networkSystems = map[int64]string{0x6969: "NFS", 0xff534d42: "CIFS", 0xfe534d42: "SMB2", 0x517b: "SMB", 0x00c36400: "Ceph", 0x65735546: "FUSE", 0x01021997: "9P", 0x47504653: "GPFS", 0x0bd00bd0: "Lustre"}
	memorySystems  = map[int64]string{0x01021994: "tmpfs", 0x858458f6: "ramfs"}
)

const overlaySystem = 0x794c7630

// fileSystem judges what the data folder lies on.
func (x *examination) fileSystem(dir string, kind int64, sqlite bool) {
	p := map[string]any{"dir": dir}
	kind &= 0xffffffff // a signed 32-bit number on some machines
	if name, ok := networkSystems[kind]; ok && sqlite {
		p["system"] = name
		x.note(broken, "folder_network", p)
	}
	if name, ok := memorySystems[kind]; ok {
		p["system"] = name
		x.note(broken, "folder_memory", p)
	}
	if kind == overlaySystem {
		x.note(warning, "folder_layer", p)
	}
}

// openFiles judges how many files and sockets the program may open: Go raises
// the soft limit to the hard one by itself.
func (x *examination) openFiles(limit func() (uint64, error)) {
	most, err := limit()
	if err != nil {
		return
	}
	if most < enoughFiles {
		x.note(warning, "open_files", map[string]any{"limit": most, "want": enoughFiles})
	}
}

func hardLimit() (uint64, error) {
	var l syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l)
	return l.Max, err
}

// log judges SQLite's write-ahead log.
func (x *examination) walSize(dir string) {
	if n := fileSize(filepath.Join(dir, store.FileName+"-wal")); n > walWarning {
		x.note(warning, "wal_large", map[string]any{"size": fmt.Sprintf("%.1f", float64(n)/(1<<30))})
	}
}

// exposedSecrets judges who can read secrets in the file of settings.
func (x *examination) exposedSecrets(s config.Result) {
	st, err := os.Stat(s.File)
	if s.File == "" || err != nil || st.Mode().Perm()&0o077 == 0 {
		return
	}
	var names []string
	for _, k := range s.Keys() {
		if k.Secret && s.FromFile(k.Name) && (k.Name == "secret_key" || hasPassword(k.Raw())) {
			names = append(names, k.Name)
		}
	}
	if len(names) > 0 {
		x.note(warning, "config_exposed", map[string]any{"file": s.File, "mode": fmt.Sprintf("%04o", st.Mode().Perm()), "keys": strings.Join(names, ", ")})
	}
}

func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	_, ok := u.User.Password()
	return ok
}

// addresses judges how people and proxies reach the installation.
func (x *examination) addresses(c *config.Config) {
	if u, err := url.Parse(c.PublicURL); err == nil && u.Scheme == "http" && !local(u.Hostname()) {
		x.note(warning, "public_plain", map[string]any{"url": c.PublicURL})
	}
	for _, p := range c.TrustedPrefixes() {
		if p.Bits() == 0 {
			x.note(warning, "proxies_everyone", map[string]any{"network": p.String()})
		}
	}
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}

// mailServer judges the encryption of incoming mail.
func (x *examination) mailServer(c *config.Config) {
	if c.Email.TLSCert == "" {
		if c.Email.SMTPAddr != "" && !config.Loopback(c.Email.SMTPAddr) {
			x.note(warning, "smtp_plain", map[string]any{"addr": c.Email.SMTPAddr})
		}
		return
	}
	p := map[string]any{"file": c.Email.TLSCert}
	pair, err := tls.LoadX509KeyPair(c.Email.TLSCert, c.Email.TLSKey)
	if err != nil {
		p["reason"] = err
		x.note(broken, "certificate_bad", p)
		return
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		p["reason"] = err
		x.note(broken, "certificate_bad", p)
		return
	}
	p["until"] = leaf.NotAfter.Format("2006-01-02")
	switch {
	case x.now.After(leaf.NotAfter):
		x.note(broken, "certificate_over", p)
	case x.now.Add(certificateWarning).After(leaf.NotAfter):
		x.note(warning, "certificate_due", p)
	default:
		x.note(fine, "certificate", p)
	}
}

// ports checks that the server could listen.
func (x *examination) ports(c *config.Config) {
	if x.running {
		return // it does
	}
	addrs := []struct{ key, addr string }{{"http.addr", c.HTTP.Addr}}
	if on, _ := c.SandboxOn(false); on {
		addrs = append(addrs, struct{ key, addr string }{"sandbox.shop_addr", c.Sandbox.ShopAddr},
			struct{ key, addr string }{"sandbox.phone_addr", c.Sandbox.PhoneAddr}, struct{ key, addr string }{"sandbox.mail_addr", c.Sandbox.MailAddr})
	}
	if c.Email.SMTPAddr != "" {
		addrs = append(addrs, struct{ key, addr string }{"email.smtp_addr", c.Email.SMTPAddr})
	}
	for _, a := range addrs {
		l, err := net.Listen("tcp", a.addr)
		if err != nil {
			x.note(broken, "port_taken", map[string]any{"key": a.key, "addr": a.addr, "reason": opCause(err)})
			continue
		}
		defer func() { _ = l.Close() }() // held to the end: two keys may name one address
		x.note(fine, "port", map[string]any{"key": a.key, "addr": a.addr})
	}
	if !config.Loopback(c.HTTP.Addr) && c.PublicURL == "" {
		x.note(warning, "no_public_url", nil)
	}
}

func opCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
