package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"folioscope/internal/fault"
)

// How long connections may take. A stream sets deadlines of its own.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second // 10 MiB over a slow line
	writeTimeout      = 40 * time.Second // longer than any handler
	idleTimeout       = 2 * time.Minute
	shutdownTimeout   = handlerDeadline + 5*time.Second // for requests that are being answered
	headerBytesMax    = 32 << 10
)

// Serving says where and how connections are taken.
type Serving struct {
	Address        string // HOST:PORT; localhost is both 127.0.0.1 and ::1, port 0 any that is free
	TLS            TLS
	TrustedProxies []netip.Prefix // who ends TLS in front of us; then plain HTTP is taken from them, and from loopback
	Now            func() time.Time
	Log            *slog.Logger
}

// Listening is bound sockets, not yet served.
type Listening struct {
	URL         string // an address that answers as it stands
	Secure      bool   // browsers reach us over HTTPS
	Plain       bool   // plain HTTP on loopback, without a proxy
	Fingerprint string // of a self-signed certificate, else empty

	serving   Serving
	listeners []net.Listener
	config    *tls.Config
}

// Listen binds the sockets. Plain HTTP is refused anywhere but on loopback, unless a named proxy ends TLS: passwords would be readable.
func Listen(ctx context.Context, o Serving) (*Listening, error) {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fault.At("listen", "needs HOST:PORT, got %.60q", o.Address)
	}
	proxied := len(o.TrustedProxies) > 0
	if !o.TLS.on() && !loopbackHost(host) && !proxied {
		return nil, fault.At("listen", "plain HTTP at %s would let everybody on the way read passwords. Set tls.cert and tls.key, tls.domain or --tls=self, "+
			"listen on localhost, or name the proxy that ends TLS in proxy.trusted", o.Address)
	}
	l := &Listening{serving: o, Secure: o.TLS.on() || proxied, Plain: !o.TLS.on() && !proxied}
	if o.TLS.on() {
		if l.config, l.Fingerprint, err = o.TLS.config(ctx, o.Now); err != nil {
			return nil, err
		}
	}
	if err := l.bind(ctx, host, port); err != nil {
		return nil, err
	}
	l.URL = l.url(host)
	return l, nil
}

func loopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// bind opens the sockets; for localhost one per family, of which a machine without IPv6 has only one.
func (l *Listening) bind(ctx context.Context, host, port string) error {
	var config net.ListenConfig
	if host != "localhost" {
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, port))
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		l.listeners = []net.Listener{listener}
		return nil
	}
	first, err := config.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	l.listeners = []net.Listener{first}
	second, err := config.Listen(ctx, "tcp6", net.JoinHostPort("::1", portOf(first)))
	if err != nil {
		l.serving.Log.InfoContext(ctx, "not listening on ::1", "error", err)
		return nil
	}
	l.listeners = append(l.listeners, second)
	return nil
}

func portOf(listener net.Listener) string {
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		return strconv.Itoa(address.Port)
	}
	return "0"
}

func (l *Listening) url(host string) string {
	scheme, usual := "http", "80"
	if l.config != nil {
		scheme, usual = "https", "443"
	}
	address, err := netip.ParseAddr(host)
	switch {
	case l.serving.TLS.Domain != "":
		host = l.serving.TLS.Domain
	case host == "", err == nil && address.IsUnspecified():
		host = "localhost"
	case err == nil && address.Is6():
		host = "[" + host + "]"
	}
	if port := portOf(l.listeners[0]); port != usual {
		host += ":" + port
	}
	return scheme + "://" + host
}

// Close gives the sockets back, for when they are never served.
func (l *Listening) Close() error {
	var all []error
	for _, listener := range l.listeners {
		all = append(all, listener.Close())
	}
	return errors.Join(all...)
}

// Serve answers until the context ends; then it calls drain, takes no more connections, lets running requests finish, and returns.
func (l *Listening) Serve(ctx context.Context, handler http.Handler, drain func()) error {
	server := &http.Server{
		Handler: l.fromProxiesOnly(handler), TLSConfig: l.config,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax,
		ErrorLog: slog.NewLogLogger(l.serving.Log.Handler(), slog.LevelDebug), // handshakes of scanners, mostly
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for _, listener := range l.listeners {
		group.Go(func() error {
			serve := server.Serve
			if l.config != nil {
				serve = func(listener net.Listener) error { return server.ServeTLS(listener, "", "") }
			}
			if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve: %w", err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-groupCtx.Done()
		drain()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		if err := server.Shutdown(limited); err != nil {
			l.serving.Log.WarnContext(limited, "requests were cut off", "error", err)
			return server.Close()
		}
		return nil
	})
	return group.Wait()
}

// fromProxiesOnly refuses plain requests that didn't come through a trusted proxy: somebody typed http://. Health may be asked for directly.
func (l *Listening) fromProxiesOnly(next http.Handler) http.Handler {
	if l.config != nil || l.Plain {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		address := peer.Addr().Unmap().WithZone("")
		allowed := err == nil && (address.IsLoopback() || isHealth(r.URL.Path))
		for _, prefix := range l.serving.TrustedProxies {
			allowed = allowed || prefix.Contains(address)
		}
		if !allowed {
			http.Error(w, "Plain HTTP is taken from the proxy only. Use https://.", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ParseProxies reads addresses and networks, such as "10.0.0.0/8" or "::1".
func ParseProxies(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fault.At("proxy.trusted", "needs an address or a network such as 10.0.0.0/8, got %.60q", text)
			}
			prefix = netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen())
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// Proxies are those who may say who the client is.
func (l *Listening) Proxies() []netip.Prefix { return l.serving.TrustedProxies }
