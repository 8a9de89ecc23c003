use super::*;

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";

/// Random characters, the same each time. No token stands in this file: whoever looks for them would find it.
fn random(alphabet: &str, length: usize) -> String {
    let mut state = 0x2545_f491_4f6c_dd1d_u64 ^ length as u64;
    let letters = alphabet.as_bytes();
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(letters[usize::try_from(state >> 33).unwrap() % letters.len()])
    };
    (0..length).map(|_| next()).collect()
}

fn token(prefix: &str, length: usize) -> String {
    format!("{prefix}{}", random(ALNUM, length))
}

fn private_key() -> String {
    let lines: Vec<String> =
        random(ALNUM, 1_600).as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into()).collect();
    format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", lines.join("\n"))
}

fn web_token() -> String {
    format!("eyJ{}.eyJ{}.{}", random(ALNUM, 33), random(ALNUM, 60), random(ALNUM, 43))
}

#[test]
fn tokens_are_known_by_what_their_providers_put_before_them() {
    for (token, kind) in [
        (format!("AKIA{}", random(UPPER, 16)), "aws access key"),
        (token("ghp_", 36), "github token"),
        (token("gho_", 36), "github token"),
        (format!("github_pat_{}_{}", random(ALNUM, 22), random(ALNUM, 59)), "github token"),
        (token("glpat-", 20), "gitlab token"),
        (token("npm_", 36), "npm token"),
        (token("pypi-AgEIcHlwaS5vcmc", 60), "pypi token"),
        (token("cio", 32), "crates.io token"),
        (format!("xoxb-{}-{}-{}", random("123456789", 12), random("123456789", 12), random(ALNUM, 24)), "slack token"),
        (token("sk_live_", 24), "stripe key"),
        (token("AIza", 35), "google api key"),
        (token("sk-ant-api03-", 95), "anthropic key"),
        (format!("sk-or-v1-{}", random(HEX, 64)), "openrouter key"),
        (token("sk-proj-", 64), "openai key"),
        (token("sk-", 48), "openai key"),
        (format!("SG.{}.{}", random(ALNUM, 22), random(ALNUM, 43)), "sendgrid key"),
        (web_token(), "json web token"),
        (private_key(), "private key"),
        (private_key().replace('\n', "\\n"), "private key"),
    ] {
        for (before, behind) in
            [("", ""), ("key is ", "."), ("x=\"", "\""), ("{\"a\": \"echo\\n", "\\n\"}"), ("ä", "ü")]
        {
            let text = format!("{before}{token}{behind}");
            assert_eq!(redact(&text), format!("{before}[redacted: {kind}]{behind}"), "{text}");
        }
    }
}

#[test]
fn passwords_in_urls_and_headers_are_found() {
    let secret = random(ALNUM, 24);
    for (text, shown) in [
        (
            format!("git clone https://me:{secret}@example.org/x.git"),
            "git clone https://me:[redacted: password in a URL]@example.org/x.git",
        ),
        (format!("postgres://app:{secret}@localhost/db"), "postgres://app:[redacted: password in a URL]@localhost/db"),
        (
            format!("curl -H 'Authorization: Bearer {secret}' x"),
            "curl -H 'Authorization: Bearer [redacted: authorization header]' x",
        ),
        (format!("Bearer {secret}"), "Bearer [redacted: bearer token]"),
        (format!("authorization: basic {secret}=="), "authorization: basic [redacted: authorization header]"),
        (format!("x-api-key: {secret}"), "x-api-key: [redacted: token]"),
    ] {
        assert_eq!(redact(&text), shown);
    }
    let inner = token("ghp_", 36);
    assert_eq!(redact(&format!("https://{inner}:{secret}@a.b")).matches("[redacted").count(), 2);
    assert_eq!(redact(&format!("Authorization: Bearer {inner}")), "Authorization: Bearer [redacted: github token]");
    assert_eq!(redact(&format!("https://x:{inner}@github.com")), "https://x:[redacted: password in a URL]@github.com");
}

#[test]
fn random_values_under_the_name_of_a_credential_are_found() {
    let secret = random(ALNUM, 32);
    for text in [
        format!("SESSION_SECRET={secret}"),
        format!("export API_KEY='{secret}'"),
        format!("  \"clientSecret\": \"{secret}\","),
        format!("const API_TOKEN: &str = \"{secret}\";"),
        format!("apiKey := \"{secret}\""),
        format!("'secret_key' => '{secret}',"),
        format!("https://example.org/?access_token={secret}&x=1"),
        format!("{{\\\"token\\\": \\\"{secret}\\\"}}"),
        "DB_PASSWORD=Sup3rS3cr3t!".to_owned(),
        "password: \"k7!fPq2zR\"".to_owned(),
        format!("ENCRYPTION_KEY={}==", random(ALNUM, 42)),
        format!("TOKEN = {}", random(HEX, 40)),
        format!("headers[\"x-api-key\"] = \"{secret}\""),
        format!("authorization: basic {secret}=="),
    ] {
        let found = find(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(!redact(&text).contains(&secret), "{}", redact(&text));
    }
}

#[test]
fn what_is_left_of_a_token_that_was_cut_is_none_for_others() {
    let cut = &token("ghp_", 36)[..14];
    assert_eq!(redact(&format!("echo {cut}…")), "echo [redacted: github token]…");
    assert_eq!(redact(&format!("{cut}\n… (26 bytes more)")), "[redacted: github token]\n… (26 bytes more)");
    assert_eq!(redact(cut), cut, "and other short words are no tokens");
}

#[test]
fn json_stays_json() {
    let value = serde_json::json!({
        "key": format!("{}\\\"", &private_key()[..600]), "b": private_key(), "c": [token("ghp_", 36)],
        "password": "k7!fPq2zR\\", "d": format!("x: {}\n\"", token("npm_", 36)),
    });
    for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
        let redacted = redact(&text);
        assert!(serde_json::from_str::<serde_json::Value>(&redacted).is_ok(), "{redacted}");
        assert_eq!(redacted.matches("[redacted: ").count(), 5, "{redacted}");
    }
}

#[test]
fn placeholders_and_ordinary_text_are_none() {
    let hash = random(HEX, 40);
    for text in [
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_000000000000000000000000000000000000",
        "sk-ant-api03-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "API_KEY=your-key-here",
        "API_KEY=changeme",
        "API_KEY=<token>",
        "API_KEY=${API_KEY}",
        "API_KEY=",
        "password = \"test1234password\"",
        "let token = next_token(&mut lexer2);",
        "let api_key = std::env::var(\"API_KEY\")?;",
        "token: AccessTokenResponse2,",
        "const token = process.env.GH_TOKEN_V2;",
        "postgres://user:password@localhost:5432/db",
        "postgres://postgres:postgres@db/app",
        "https://user:${PASSWORD}@example.org",
        "https://example.org:8443/a@b",
        "if line == \"-----BEGIN RSA PRIVATE KEY-----\" {",
        "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo\n-----END PUBLIC KEY-----",
        "the bearer authentication of the endpoint",
        "Authorization: Bearer <token>",
        "sk-fading-circle sk-circle1 sk-spinner-wandering-cubes",
        "public_key = \"a8f5f167f44f4964e6c998dee827110c\"",
        "primary_key: \"user_2024_01_15_abc\"",
        "password_hash_algorithm=argon2id",
        "[redacted: github token] TOKEN=[redacted: token]",
        "://[redacted: github token]:0Aa0AAAaaaAaaa1Bbc2C@",
        "cache_key: \"v2-linux-x86_64-node20\"",
        "secret: my-service-token-2",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        &format!("commit {hash}\nintegrity sha512-{hash} checksum = \"{hash}\""),
    ] {
        assert_eq!(redact(text), text, "{:?}", find(text));
    }
}

#[test]
fn what_comes_in_pieces_is_redacted_as_a_whole() {
    let whole = format!("begin\n{}\nmid {} end\nno line break {}", private_key(), token("ghp_", 36), token("npm_", 36));
    for size in [1, 7, 64, 1_000, 100_000] {
        let mut stream = Stream::default();
        let mut out: Vec<u8> = whole.as_bytes().chunks(size).flat_map(|part| stream.push(part)).collect();
        out.extend(stream.finish());
        assert_eq!(String::from_utf8(out).unwrap(), redact(&whole), "in pieces of {size}");
    }
}

#[test]
fn bytes_that_are_no_text_stay_as_they_are() {
    let mut stream = Stream::default();
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    let mut out = stream.push(&bytes);
    out.extend(stream.finish());
    assert_eq!(out, bytes);
}

#[test]
fn a_line_without_an_end_is_not_kept() {
    let mut stream = Stream::default();
    let mut out = Vec::new();
    let secret = token("ghp_", 36);
    for _ in 0..100 {
        out.extend(stream.push(&[b' '; 10_000]));
        out.extend(stream.push(secret.as_bytes()));
        assert!(stream.held.len() < 64 << 10);
    }
    out.extend(stream.finish());
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.matches("[redacted: github token]").count(), 100, "none is cut");
}

/// What makes scanners slow that look back or ahead again and again.
pub(super) fn hostile(length: usize) -> Vec<String> {
    let parts = [
        "eyJaaaaaaaaaaaa-",
        "eyJaaaaaaaaaaaa.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "token=",
        "token:",
        "a_token='",
        "://a:b",
        "Bearer ",
        "ghp_aB3",
        "=",
        ":",
        "-",
        "\"token\": \"",
        "AKIA",
        "x",
        "sk-",
        "ä",
        "password=k7!fPq2zR\n",
    ];
    parts.iter().map(|part| part.repeat(length / part.len())).collect()
}

#[test]
fn the_time_grows_with_the_length_alone() {
    for text in hostile(1 << 20) {
        let begun = std::time::Instant::now();
        let found = find(&text).len();
        // A build for tests is slow; a quadratic search of a megabyte takes hours.
        assert!(begun.elapsed().as_secs() < 30, "{found}: {}", &text[..20]);
    }
}

proptest::proptest! {
    #[test]
    fn nothing_is_left_after_one_pass(text in "(\\PC|token=|[a-zA-Z0-9]{20}|ghp_[a-zA-Z0-9]{36}|://|:|@|\n|-----BEGIN PRIVATE KEY-----){0,12}") {
        let once = redact(&text).into_owned();
        proptest::prop_assert_eq!(redact(&once).into_owned(), once);
    }
}
