import Foundation
import Testing

@testable import ObjectStorage

@Suite struct SignatureTests {
  struct Table: Decodable {
    struct Row: Decodable {
      var method, url, digest, region, token, authorization: String
      var headers: [String: String]
    }
    var accessKey, secretKey, date: String
    var requests: [Row]
  }

  /// The reference is right: it gives what botocore gives.
  @Test func theReferenceSignsAsBotocoreDoes() throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Fixtures/signatures.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let table = try decoder.decode(Table.self, from: Data(contentsOf: file))
    #expect(table.requests.count == 13)
    for row in table.requests {
      let url = try #require(URLComponents(string: row.url))
      let host = try #require(url.host) + (url.port.map { ":\($0)" } ?? "")
      var headers = ["host": host, "x-amz-date": table.date, "x-amz-content-sha256": row.digest]
      for (name, value) in row.headers { headers[name.lowercased()] = value }
      if !row.token.isEmpty { headers["x-amz-security-token"] = row.token }
      let target = url.percentEncodedPath + (url.percentEncodedQuery.map { "?\($0)" } ?? "")
      let signature = SignatureReference(secretKey: table.secretKey, region: row.region)
        .signature(row.method, target: target, headers: headers, digest: row.digest, date: table.date)
      #expect(row.authorization.hasSuffix("Signature=\(signature)"), "\(row.method) \(row.url)")
      #expect(row.authorization.contains("SignedHeaders=\(headers.keys.sorted().joined(separator: ";")),"))
    }
  }

  private static let keys = [
    "a", "a/b.parquet", "date=2026-11-28/0-100.parquet", "café/日本.txt", "space and + % ? & = # ' ( ) [ ] < > \" ; , @ ! $ * ~ _ - .",
    "\u{1F389}/e\u{301}", "a%2Fb",
  ]

  /// Every request that the store sends has the signature of the reference, over all headers that must be signed.
  @Test(arguments: [nil, "session/token+=="], ["", "deep er/pre+fix"])
  func everyRequestHasTheRightSignature(token: String?, prefix: String) throws {
    let server = ScriptedServer { _, request in
      switch request.method {
      case "GET" where request.target.contains("list-type"):
        .status(200, body: Array("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".utf8))
      case "GET" where request.target.contains("uploads="):
        .status(200, body: Array("<ListMultipartUploadsResult></ListMultipartUploadsResult>".utf8))
      case "GET": .status(request.headers["range"] == nil ? 200 : 206, body: Array("content".utf8))
      case "HEAD" where request.target == "/bucket": .status(404)
      case "POST" where request.target.contains("uploads="):
        .status(200, body: Array("<InitiateMultipartUploadResult><UploadId>A/B+C==</UploadId></InitiateMultipartUploadResult>".utf8))
      case "PUT": .status(200, headers: ["ETag": "\"1\""])
      case "DELETE": .status(204)
      default: .status(200)
      }
    }
    defer { server.stop() }
    let secret = "wJalrXUtnFEMI/K7MDENG"
    var settings = S3Settings()
    (settings.endpoint, settings.region) = ("http://127.0.0.1:\(server.port)", "eu-west-3")
    settings.timeout = .seconds(600)
    let address = try S3Address(bucket: "bucket", prefix: prefix, settings)
    let store = S3Store(address, credentials: { S3Credentials(accessKey: "AKID", secretKey: secret, sessionToken: token) })
    for text in Self.keys {
      let key = try ObjectKey(text)
      try store.put(key, .bytes(Array("content".utf8)), .ifAbsent)
      try store.put(key, .bytes([]))
      #expect(try store.bytes(key, limit: 100) == Array("content".utf8))
      _ = try store.bytes(key, 5..<9, limit: 100)
      _ = try store.head(key)
      _ = try store.list(text, after: .init(text: "1/+=" + text), limit: 5)
      try store.remove(key)
    }
    let upload = try store.upload(try ObjectKey("large file"))
    let part = [UInt8](repeating: 7, count: S3Store.partBytes + 1)
    try part.withUnsafeBytes { try upload.write($0) }
    try upload.complete()
    #expect(try store.create())
    #expect(try store.removeUnfinishedUploads(olderThan: .zero) == 0)

    let reference = SignatureReference(secretKey: secret, region: "eu-west-3")
    #expect(server.requests.count == Self.keys.count * 7 + 4 + 3)
    for request in server.requests {
      let authorization = try #require(request.headers["authorization"])
      let signed = try #require(authorization.firstMatch(of: /SignedHeaders=([a-z0-9;-]+)/)).1.split(separator: ";").map(String.init)
      let others = ["content-type", "range", "if-none-match"]
      let must = ["host"] + request.headers.keys.filter { $0.hasPrefix("x-amz-") || others.contains($0) }
      #expect(Set(must).isSubset(of: signed), "\(request.method) \(request.target)")
      let headers = Dictionary(uniqueKeysWithValues: signed.map { ($0, request.headers[$0] ?? "") })
      let digest = try #require(request.headers["x-amz-content-sha256"])
      #expect(digest == SignatureReference.hex(SignatureReference.hash(request.body)), "\(request.method) \(request.target)")
      let date = try #require(request.headers["x-amz-date"])
      let signature = reference.signature(request.method, target: request.target, headers: headers, digest: digest, date: date)
      #expect(authorization.hasSuffix("Signature=\(signature)"), "\(request.method) \(request.target)")
      #expect(authorization.contains("Credential=AKID/\(date.prefix(8))/eu-west-3/s3/aws4_request"))
      #expect(request.headers["x-amz-security-token"] == token)
    }
  }
}
