package bus

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Each call has the node's patience, see Options; what must first be connected,
// and what may be silent, has several times of it.
const (
	dialPatience   = 4
	listenPatience = 4
	poolSize       = 10
)

// Form is how an address names its servers.
type Form string

// The forms of an address.
const (
	OneServer Form = "server"
	Sentinel  Form = "sentinel"
	RedisRing Form = "cluster"
)

// connect makes a client of an address, with so much patience for each call,
// without calling anybody. It fails on addresses that say nothing.
func connect(address string, patience time.Duration) (redis.UniversalClient, Form, error) {
	hush()
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", fmt.Errorf("redis.url is no address") // the cause would show its password
	}
	switch q := u.Query(); {
	case q.Has("master_name"):
		o, err := redis.ParseFailoverURL(address)
		if err != nil {
			return nil, "", err
		}
		o.Protocol, o.ContextTimeoutEnabled, o.MaxRetries = 2, true, -1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.PoolSize = dialPatience*patience, patience, patience, patience, poolSize
		return redis.NewFailoverClient(o), Sentinel, nil
	case q.Has("addr"):
		o, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, "", err
		}
		o.Protocol, o.ContextTimeoutEnabled, o.MaxRetries = 2, true, -1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.PoolSize = dialPatience*patience, patience, patience, patience, poolSize
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClusterClient(o), RedisRing, nil
	default:
		o, err := redis.ParseURL(address)
		if err != nil {
			return nil, "", err
		}
		o.Protocol, o.ContextTimeoutEnabled, o.MaxRetries, o.DialerRetries = 2, true, -1, 1
		o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout, o.PoolSize = dialPatience*patience, patience, patience, patience, poolSize
		o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
		return redis.NewClient(o), OneServer, nil
	}
}

// hush keeps the library from logging each failed try by itself; it is set before
// the library's first client reads it.
var hush = sync.OnceFunc(func() { redis.SetLogger(silent{}) })

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Found is what Check has seen behind an address.
type Found struct {
	Form  Form
	Hosts string
	// Clustered: the address names one server of a Redis Cluster as if it were
	// alone.
	Clustered bool
}

// Check calls the servers of an address once and tries what nodes do with them.
// hosts are those of the address, without its password.
func Check(ctx context.Context, address string) (Found, error) {
	var found Found
	if u, err := url.Parse(address); err == nil {
		found.Hosts = strings.Join(append([]string{u.Host}, u.Query()["addr"]...), ", ")
	}
	c, form, err := connect(address, defaultPatience)
	if err != nil {
		return found, err
	}
	defer func() { _ = c.Close() }()
	found.Form = form
	if form == OneServer {
		if info, err := c.Info(ctx, "cluster").Result(); err == nil {
			found.Clustered = strings.Contains(info, "cluster_enabled:1")
		}
	}
	if found.Clustered {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialPatience*defaultPatience)
	defer cancel()
	return found, probe(ctx, c, "fanward:{doctor}:")
}
