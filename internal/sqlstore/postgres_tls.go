package sqlstore

import (
	"crypto/tls"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"

	"folioscope/internal/fault"
)

// checkProtected refuses a database on another machine unless every way to it is TLS to a server whose certificate bears its name. What
// pgx does where nothing is said (TLS where the server offers it, whoever it is) protects from nobody.
func checkProtected(config *pgx.ConnConfig) error {
	protected := func(host string, way *tls.Config) bool {
		return onThisMachine(host) || way != nil && !way.InsecureSkipVerify
	}
	ok := protected(config.Host, config.TLSConfig)
	for _, other := range config.Fallbacks {
		ok = ok && protected(other.Host, other.TLSConfig)
	}
	if !ok {
		return fault.At("database.url", "the database is on another machine, where others may listen or answer in its place: add sslmode=verify-full, "+
			"and sslrootcert=FILE where its authority is a private one; database.insecure = true goes without")
	}
	return nil
}

// onThisMachine says whether a host of a PostgreSQL URL is a socket in the file system or loopback.
func onThisMachine(host string) bool {
	if host == "localhost" || strings.HasPrefix(host, "/") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// readCertificates reads the files that the URL names again, so that a renewed certificate is shown by the next connection. Those in use
// stay where they can't be read.
func readCertificates(url string, next *pgx.ConnConfig) {
	if fresh, err := pgx.ParseConfig(url); err == nil {
		next.TLSConfig, next.Fallbacks = fresh.TLSConfig, fresh.Fallbacks
	}
}
