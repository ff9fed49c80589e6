package appliance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"coterie/crypto/pki"
	"coterie/internal/syslog"
	"coterie/modes"
	runningconfig "coterie/running-config"
)

// Times and limits of fetching revocation lists.
const (
	crlTimeout = 20 * time.Second // of one fetch, in real time
	crlRetry   = 30 * time.Minute // between two, as IOS
	crlEarly   = time.Hour        // before the next update, at most a tenth of the list's life
	crlHops    = 3                // redirections
	// Expiry of our own certificates is said weekly from 60 days before, daily
	// in the last week.
	expiryWarning = 60 * 24 * time.Hour
	expiryAlert   = 7 * 24 * time.Hour
)

// crlPlan is when which list is fetched next. Guarded by certificates.
type crlPlan struct {
	timer    *time.Timer
	tried    map[string]time.Time // last fetch by trustpoint
	fetching map[string]bool
	warned   map[string]time.Time // last warning of an expiry by trustpoint and serial number
	ctx      context.Context      // of fetches; ends with the device
	cancel   context.CancelFunc
	closed   bool
}

func (p *crlPlan) prepare() {
	if p.tried == nil {
		p.tried, p.fetching, p.warned = make(map[string]time.Time), make(map[string]bool), make(map[string]time.Time)
		p.ctx, p.cancel = context.WithCancel(context.Background())
	}
}

// close ends fetches that are under way.
func (c *certificates) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crls.closed = true
	if c.crls.timer != nil {
		c.crls.timer.Stop()
	}
	if c.crls.cancel != nil {
		c.crls.cancel()
	}
}

// watchCertificates fetches the lists that are due, warns of certificates that
// are about to expire, and comes back when there is more to do.
func (a *Appliance) watchCertificates(tree *runningconfig.Config) {
	if len(tree.PKI.Trustpoints) == 0 {
		return
	}
	now := a.Now()
	c := &a.certs
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.crls
	if p.closed {
		return
	}
	p.prepare()
	next := now.Add(24 * time.Hour)
	for _, t := range tree.PKI.Trustpoints {
		f, _ := c.load(a.cfg.Files, t.Name).withChain(tree.CertificateChain(t.Name))
		if ends := a.warnExpiry(now, t.Name, f); !ends.IsZero() && ends.Before(next) {
			next = ends
		}
		check, _, _ := revocation(t)
		from := crlSource(t, f)
		if !check || from == "" || len(f.anchors) == 0 || p.fetching[t.Name] {
			continue
		}
		due := now
		if f.crl != nil {
			due = refresh(f.crl.list)
		}
		// Also after a fetch that gave the same list again.
		if last, ok := p.tried[t.Name]; ok && due.Before(last.Add(crlRetry)) {
			due = last.Add(crlRetry)
		}
		if due.After(now) {
			if due.Before(next) {
				next = due
			}
			continue
		}
		p.fetching[t.Name] = true
		ctx := p.ctx
		go func(name string) {
			if err := a.fetchCRL(ctx, name, from); err != nil && ctx.Err() == nil {
				a.log.add(syslog.PKIFetchFail.With(name, err))
			}
			c.mu.Lock()
			p.fetching[name] = false
			c.mu.Unlock()
			a.watchCertificates(a.Config())
		}(t.Name)
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.timer = a.cfg.Clock.AfterFunc(next.Sub(now), func() { a.watchCertificates(a.Config()) })
}

// refresh is when a list is fetched again: a little before its next update.
func refresh(l *pki.CRL) time.Time {
	if l.NextDate.IsZero() {
		return l.ThisUpdate.Add(24 * time.Hour)
	}
	return l.NextDate.Add(-min(crlEarly, l.NextDate.Sub(l.ThisUpdate)/10))
}

// crlSource is where the list of a trustpoint is: `crl query`, or the
// distribution point in our own certificate, or in that of a root. What a peer
// sends never says where we go.
func crlSource(t *runningconfig.Trustpoint, f *trustFile) string {
	if t.CRLQuery != "" {
		return t.CRLQuery
	}
	var held []storedCertificate
	if f.own != nil {
		held = append(held, *f.own)
	}
	for _, s := range append(held, f.anchors...) {
		c, err := pki.ParseCertificate(s.der)
		if err != nil || f.own == nil && !pki.IsSelfSigned(c) {
			continue
		}
		for _, u := range c.CRLDistributionPoints {
			if strings.HasPrefix(u, "http://") || strings.HasPrefix(u, "https://") {
				return u
			}
		}
	}
	return ""
}

// RequestCRL is `crypto pki crl request T`.
func (a *Appliance) RequestCRL(ctx context.Context, name string) error {
	tree := a.Config()
	t := tree.Trustpoint(name)
	if t == nil {
		return modes.ErrNoTrustpoint
	}
	a.certs.mu.Lock()
	f, _ := a.certs.load(a.cfg.Files, name).withChain(tree.CertificateChain(name))
	a.certs.mu.Unlock()
	switch from := crlSource(t, f); {
	case len(f.anchors) == 0:
		return modes.ErrNoAnchor
	case from == "":
		return modes.Refusal("% No CRL distribution point is known: configure 'crl query'")
	default:
		if err := a.fetchCRL(ctx, name, from); err != nil {
			a.log.add(syslog.PKIFetchFail.With(name, err))
			return fmt.Errorf("%% CRL request failed: %w", err)
		}
	}
	return nil
}

// errOlder refuses a list that would take us back.
var errOlder = errors.New("the list is older than the one that is there")

// fetchCRL fetches and checks a list, and makes it that of the trustpoint.
func (a *Appliance) fetchCRL(ctx context.Context, name, from string) error {
	err := a.takeCRL(ctx, name, from)
	a.certs.mu.Lock()
	a.certs.crls.prepare()
	a.certs.crls.tried[name] = a.Now()
	a.certs.mu.Unlock()
	return err
}

func (a *Appliance) takeCRL(ctx context.Context, name, from string) error {
	ctx, cancel := context.WithTimeout(ctx, crlTimeout)
	defer cancel()
	data, err := a.download(ctx, from)
	if err != nil {
		return err
	}
	der, err := pki.DecodeText(string(data), pki.MaxCRL)
	if err != nil {
		return err
	}
	tree := a.Config()
	c := &a.certs
	c.mu.Lock()
	f := c.load(a.cfg.Files, name)
	shown, _ := f.withChain(tree.CertificateChain(name))
	c.mu.Unlock()
	list, err := pki.ParseCRL(der, shown.authorities())
	if err != nil {
		return err
	}
	c.mu.Lock()
	f = c.load(a.cfg.Files, name)
	now, _ := f.withChain(tree.CertificateChain(name))
	if !slices.EqualFunc(now.authorities(), shown.authorities(), (*x509.Certificate).Equal) {
		c.mu.Unlock()
		return errors.New("the Certificate Authority has changed meanwhile")
	}
	if f.crl != nil && list.ThisUpdate.Before(f.crl.list.ThisUpdate) {
		c.mu.Unlock()
		return errOlder
	}
	stored := &storedCRL{list: list, der: der, downloaded: a.Now(), url: from}
	if err = a.cfg.Files.Write(crlFile(name), marshalCRL(stored)); err == nil {
		f = f.clone()
		f.crl = stored
		c.put(name, f)
	}
	c.mu.Unlock()
	if err != nil {
		return fmt.Errorf("save the revocation list: %w", err)
	}
	a.dirty.Store(true)
	a.reconcile(context.WithoutCancel(ctx))
	return nil
}

// download reads a file of the device or of a server.
func (a *Appliance) download(ctx context.Context, from string) ([]byte, error) {
	if !strings.HasPrefix(from, "http://") && !strings.HasPrefix(from, "https://") {
		file, err := modes.ParseFile(from)
		if err != nil {
			return nil, err
		}
		return a.ReadFile(file)
	}
	if a.cfg.Version.Lab {
		return nil, errors.New("the lab has no HTTP: copy the list to flash: and use 'crl query flash:NAME'")
	}
	u, err := url.Parse(from)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%s is not a URL", from)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: cloneTLS(a.cfg.TLS), ResponseHeaderTimeout: crlTimeout},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > crlHops {
				return errors.New("too many redirections")
			}
			return nil
		},
	}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", from, response.Status)
	}
	const most = 2 * pki.MaxCRL // base64 is longer than DER
	data, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err == nil && len(data) > most {
		err = pki.ErrTooLong
	}
	return data, err
}

func cloneTLS(c *tls.Config) *tls.Config {
	if c == nil {
		return nil
	}
	return c.Clone()
}

// warnExpiry says what is about to expire, and gives the next end of a
// certificate, or zero. The caller holds the lock.
func (a *Appliance) warnExpiry(now time.Time, name string, f *trustFile) (ends time.Time) {
	say := func(what string, s storedCertificate) {
		c, err := pki.ParseCertificate(s.der)
		if err != nil {
			return
		}
		left := c.NotAfter.Sub(now)
		if left > 0 && (ends.IsZero() || c.NotAfter.Before(ends)) {
			ends = c.NotAfter
		}
		if left > expiryWarning {
			return
		}
		pause := 7 * 24 * time.Hour
		if left <= expiryAlert && left > 0 {
			pause = 24 * time.Hour
		}
		key := what + name + c.SerialNumber.String()
		if last, ok := a.certs.crls.warned[key]; ok && now.Sub(last) < pause && (left > 0 || !last.Before(c.NotAfter)) {
			return
		}
		a.certs.crls.warned[key] = now
		if left <= 0 {
			a.log.add(syslog.PKIExpired.With(what, name, c.NotAfter.UTC().Format(time.RFC3339)))
			return
		}
		seconds := int(left / time.Second)
		a.log.add(syslog.PKIExpiry.With(what, name, seconds/86400, seconds/3600%24, seconds/60%60, seconds%60, c.NotAfter.UTC().Format(time.RFC3339)))
	}
	if f.own != nil {
		say("ID", *f.own)
	}
	for _, s := range f.anchors {
		say("CA", s)
	}
	return ends
}
