import Testing

@testable import ObjectStorage

/// Names, addresses and documents: values without I/O.
@Suite struct ValueTests {
  @Test(arguments: ["a", "a/b", "date=2026-11-28/x.parquet", "é/日", "...", ".hidden", "a/.uploads", "a b"])
  func namesThatAreKept(_ text: String) throws {
    #expect(try ObjectKey(text).text == text)
  }

  @Test(arguments: [
    "", "/a", "a/", "a//b", ".", "a/../b", "./a", "a\nb", "a\\b", "a\u{0}b", "a\u{7F}", ".uploads/x", ".uploads",
    String(repeating: "é", count: 513),
  ]) func namesThatAreRefused(_ text: String) {
    #expect(throws: ObjectStoreError.self) { try ObjectKey(text) }
  }

  @Test func percentEncodingIsItsOwnInverse() throws {
    let every = String(String.UnicodeScalarView((1...0x2FF).compactMap(Unicode.Scalar.init))) + "日🎉"
    let encoded = PercentEncoding.encode(every)
    #expect(encoded.utf8.allSatisfy { $0 < 0x7F } && !encoded.contains(" ") && !encoded.contains("+"))
    #expect(PercentEncoding.decode(encoded) == every)
    #expect(PercentEncoding.encode("a/b c~-_.é", keepingSlashes: true) == "a/b%20c~-_.%C3%A9")
    #expect(PercentEncoding.decode("a+b%20c") == "a b c")
    for damaged in ["%", "%2", "%zz", "%FF"] { #expect(PercentEncoding.decode(damaged) == nil) }
  }

  // MARK: Addresses

  @Test func addressesOfDirectories() throws {
    for (text, path) in [("/srv/a", "/srv/a"), ("/srv/a//", "/srv/a"), ("file:///srv/a b", "/srv/a b"), ("./a", "./a"), ("/", "/")] {
      #expect(try StoreAddress(text) == .directory(path: path))
    }
  }

  private static func s3(_ text: String, _ settings: S3Settings = S3Settings()) throws -> S3Address {
    guard case .s3(let address) = try StoreAddress(text, settings) else { throw ObjectStoreError(.invalid, "no bucket") }
    return address
  }

  @Test func addressesOfBuckets() throws {
    let aws = try Self.s3("s3://bucket/some/%C3%A9%20prefix/?region=eu-west-1")
    #expect(aws.bucket == "bucket" && aws.prefix == "some/é prefix" && aws.base == ("https://bucket.s3.eu-west-1.amazonaws.com", "/"))
    #expect(aws.path(try ObjectKey("k")) == "/some/é prefix/k" && aws.path(nil) == "/")
    let dots = try Self.s3("s3://my.bucket")
    #expect(dots.base == ("https://s3.us-east-1.amazonaws.com", "/my.bucket"))
    let own = try Self.s3("s3://bucket?endpoint=http%3A%2F%2F127.0.0.1:9000/&style=virtual")
    #expect(own.base == ("http://bucket.127.0.0.1:9000", "/"))
    var settings = S3Settings()
    (settings.endpoint, settings.region) = ("https://minio.example:9000", "moon")
    let configured = try Self.s3("s3://bucket/p", settings)
    #expect(configured.base == ("https://minio.example:9000", "/bucket") && configured.settings.region == "moon")
    #expect(configured.path(try ObjectKey("k")) == "/bucket/p/k" && configured.path(nil) == "/bucket")
  }

  @Test(arguments: [
    "", "bucket", "s3:/bucket", "http://host/bucket", "S3x://b", "s3://", "s3://ab", "s3://Bucket", "s3://bucket_1", "s3://bucket//a",
    "s3://bucket/../x",
    "s3://key:hunter2@bucket/x", "s3://bucket?endpoint=ftp://host", "s3://bucket?endpoint=http://key:hunter2@host", "s3://bucket?style=odd",
    "s3://bucket?secret=hunter2", "s3://bucket?region=", "s3://bucket?endpoint=http://host/path", "s3://bucket/%ZZ",
  ]) func addressesThatAreRefused(_ text: String) {
    let error = #expect(throws: ObjectStoreError.self) { try StoreAddress(text) }
    #expect(error?.code == .invalid && error?.description.contains("hunter2") == false)
  }

  // MARK: Credentials

  @Test func credentialsOfAProfile() throws {
    let text = """
      # shared
      [default]
      aws_access_key_id = A
      aws_secret_access_key=B=/+

      [other name]
      aws_access_key_id=C
      aws_secret_access_key = D
      aws_session_token = E
      region = ignored
      """
    #expect(try CredentialsFile.parse(text, profile: "default") == S3Credentials(accessKey: "A", secretKey: "B=/+"))
    #expect(
      try CredentialsFile.parse(text.replacing("\n", with: "\r\n"), profile: "other name")
        == S3Credentials(accessKey: "C", secretKey: "D", sessionToken: "E"))
  }

  @Test(arguments: [
    ("", "no profile"), ("[other]\naws_access_key_id=hunter2", "it has other"), ("hunter2", "line 1"), ("[default]\nhunter2", "line 2"),
    ("[default]\naws_access_key_id=x", "lacks"),
  ]) func damagedCredentialsAreNotRepeated(text: String, words: String) {
    let error = #expect(throws: ObjectStoreError.self) { try CredentialsFile.parse(text, profile: "default") }
    #expect(error?.description.contains(words) == true && error?.description.contains("hunter2") == false)
  }

  @Test func credentialsOfTheEnvironment() {
    let both = ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B"]
    #expect(CredentialsFile.environment(both) == S3Credentials(accessKey: "A", secretKey: "B"))
    #expect(CredentialsFile.environment(both.merging(["AWS_SESSION_TOKEN": "C"]) { $1 })?.sessionToken == "C")
    #expect(CredentialsFile.environment(["AWS_ACCESS_KEY_ID": "A"]) == nil && CredentialsFile.environment([:]) == nil)
  }

  // MARK: Documents

  @Test func documentsOfServers() throws {
    let text = """
      <?xml version="1.0" encoding="UTF-8"?><!-- note --><s:List xmlns:s="http://x/"><Name a="b">1 &lt; 2 &amp;&#34;&#x65E5;</Name>
      <Empty/><Item><Key>é</Key></Item><Item><Key><![CDATA[<raw> & ]]></Key></Item></s:List>
      """
    let document = try #require(XMLElement.parse(Array(text.utf8)))
    #expect(document.name == "List" && document["Name"] == "1 < 2 &\"日" && document["Empty"] == "")
    #expect(document.all("Item").map { $0["Key"] } == ["é", "<raw> & "])
  }

  @Test(arguments: [
    "", "text", "<a>", "<a></b>", "<a/><b/>", "<a>&bad;</a>", "<a>&#xD800;</a>", "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>", "</a>", "<a",
    "<a>&",
    String(repeating: "<a>", count: 1_000),
  ]) func damagedDocuments(_ text: String) { #expect(XMLElement.parse(Array(text.utf8)) == nil) }

  @Test func timesOfServers() {
    #expect(StoreTime.milliseconds(iso: "1970-01-01T00:00:00Z") == 0)
    #expect(StoreTime.milliseconds(iso: "2024-02-29T23:59:59.25Z") == 1_709_251_199_250)
    #expect(StoreTime.milliseconds(iso: "2026-11-28T13:44:06.123456Z") == 1_795_873_446_123)
    #expect(StoreTime.milliseconds(iso: "yesterday") == 0)
    #expect(StoreTime.milliseconds(header: "Sat, 28 Nov 2026 13:44:06 GMT") == 1_795_873_446_000)
    #expect(StoreTime.milliseconds(header: "never") == 0)
  }

  // MARK: Plans

  @Test func pausesDoubleUpToALimit() {
    let policy = RetryPolicy()
    #expect((1...5).map { policy.pause(after: $0, chance: 1) } == [100, 200, 400, 800, 1_600].map { .milliseconds($0) })
    #expect(policy.pause(after: 1, chance: 0) == .milliseconds(50) && policy.pause(after: 6, chance: 1) == nil)
    #expect(policy.pause(after: 1, chance: 1, wanted: .seconds(4)) == .seconds(4))
    #expect(policy.pause(after: 1, chance: 1, wanted: .seconds(4_000)) == policy.delayMax)
  }

  @Test(arguments: [1, 64 << 20, 160_000 << 20, (160_000 << 20) + 1, 5 << 40]) func partsAreLargeAndFewEnough(bytes: Int) {
    let size = S3Store.partBytes(forTotal: bytes)
    #expect(size >= 5 << 20 && (bytes + size - 1) / size <= 10_000)
  }
}
