package pki

import "encoding/base64"

// fixedRSA is a key of 1024 bits, PKCS #1, for the tests alone.
var fixedRSA = func() []byte {
	der, err := base64.StdEncoding.DecodeString("" +
		"MIICXQIBAAKBgQDG++7S0Aojqgkk7bQxGDlwf8iZA6twQAbxsw8b0b/kjAj8mtkxWzBT84+F7nQt646MXA/B7cPnHbwOsJM6U0P2" +
		"ETDKUePJc0xubIC32vRUP7EwZ3erWtixkv2CZYrfI000KTt7InGXN+ZxHSAmbWqWemqvXHmT1XuRA++fVeWwlQIDAQABAoGAPqYv" +
		"iVxK9POiMWhN5W81FoCFDfgj0BG4nfy8cwvVGQYmBjJS08FcM/Jpa8ep+JNDrFmH9I0BsxCflxhtIl349T844byhxwNIH1UC2AAn" +
		"wN9zir+NVjZpx7289O8IEpL1yfQzSFmPLLoo08zX5NibFyFXdOMhqi1oYyLug1VSzgECQQD/fy6qaiFsT+7h/gUvIjEfP4E7DU2j" +
		"qgbh/rAQJNoUSKx50Zr4yspAQyhkp4WX/2LVJ96XmzA8+Pl0M8iqtKfVAkEAx2BB/Auc/zr+3pOCRcqIE9vIsWO4EHYHOgGkWr7o" +
		"A5+zp5tYxTAdUklpDnpxiHkgFlQVMnZ0SChDs1hobLwFwQJBAMWXmoN46LhXaSulxGSbUNoVxt/gffbg+8mzqn4RwgaF3b2oeO2I" +
		"B7qDNa4CULMoc0reNquQ/VFqS6GumrZKWLECQDGyfMAm5Ot5+S3h9wcOhPzuPAh7otX3lbWP0zgLfinpFQ8iWe5NIAHy6o0BWGt8" +
		"RdNLAj2h6TpTTwzVbLIt7AECQQDLrhXH+aUqjpk4CcdSCL3pc8emPenE95xgnD1Q2kZu96M3c81RO9kPNGO1IqiDq3GFjkynH3b1" +
		"1j5O5XiEcDRI")
	if err != nil {
		panic(err)
	}
	return der
}()
