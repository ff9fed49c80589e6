package appliance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"coterie/crypto/pki"
)

// Lists come from a server as DER or PEM; what is too long, elsewhere or not a
// list changes nothing.
func TestFetchCRL(t *testing.T) {
	var list []byte
	mux := http.NewServeMux()
	mux.HandleFunc("/ca.crl", func(w http.ResponseWriter, _ *http.Request) { w.Write(list) })
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ca.crl", http.StatusFound) })
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) {
		for range 3 * pki.MaxCRL >> 16 {
			w.Write(make([]byte, 1<<16))
		}
	})
	mux.HandleFunc("/text", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>no list</html>")) })
	server := httptest.NewServer(mux)
	defer server.Close()

	r := boot(t, &disk{files: map[string][]byte{}}, "crypto pki trustpoint CORP\n enrollment terminal\n crl query flash:none\n")
	defer func() {
		r.console.Close()
		r.Close()
	}()
	o := newOffice(t, r.Now())
	list = o.revoke(r.Now())
	r.act("crypto pki authenticate CORP", paste(pki.CertificatePEM(o.cert.Raw), "quit", "yes")...)
	for _, c := range []struct{ path, fails string }{
		{"/none", "404"}, {"/loop", "redirections"}, {"/long", "too long"}, {"/text", "malformed"}, {"/moved", ""}, {"/ca.crl", ""},
	} {
		r.configure("crypto pki trustpoint CORP", "crl query "+server.URL+c.path)
		err := r.RequestCRL(context.Background(), "CORP")
		switch {
		case c.fails == "" && err != nil, c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)):
			t.Errorf("%s: %v", c.path, err)
		case (r.engine("CORP").CRL != nil) != (c.fails == ""):
			t.Errorf("%s: the list is %v", c.path, r.engine("CORP").CRL)
		}
	}
}
