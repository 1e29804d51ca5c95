package textfile

import "testing"

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a\nb": "a\nb", "\ufeffa\r\nb\r\n": "a\nb\n", "\ufeff": "", "a\rb": "a\rb", "a\ufeff": "a\ufeff",
		"\r\n": "\n",
	} {
		if got := string(Clean([]byte(in))); got != want {
			t.Errorf("%q is read as %q, want %q", in, got, want)
		}
	}
}

func TestPassword(t *testing.T) {
	for in, want := range map[string]string{
		"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", "\ufeffsecret\r\nnote": "secret",
		" a b \n": " a b ",
		"":        "", "\n": "", "secret\r": "secret", "pa\rss\n": "pa\rss",
	} {
		if got, err := Password([]byte(in)); err != nil || got != want {
			t.Errorf("%q holds %q, %v, want %q", in, got, err, want)
		}
	}
	if _, err := Password([]byte("\xff\xfes\x00")); err != ErrUTF16 {
		t.Errorf("UTF-16: %v", err)
	}
}
