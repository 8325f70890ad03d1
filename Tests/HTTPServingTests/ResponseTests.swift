import CZlib
import HTTPServing
import HTTPTestKit
import Testing

/// What the server adds to responses: compression, caching, HEAD.
@Suite struct ResponseTests {
  private static let long = String(repeating: "freshet ", count: 500)

  private func makeServer() throws -> TestServer {
    try TestServer { router in
      router.add("GET", "/long") { _ in .now(.text(Self.long)) }
      router.add("GET", "/short") { _ in .now(.text("short")) }
      router.add("GET", "/image") { _ in .now(HTTPResponse(contentType: "image/png", body: Array(Self.long.utf8))) }
      var plain = RouteOptions()
      plain.compresses = false
      router.add("GET", "/plain", options: plain) { _ in .now(.text(Self.long)) }
      router.add("GET", "/random") { _ in
        var generator = SystemRandomNumberGenerator()
        return .now(HTTPResponse(contentType: "text/plain", body: (0..<4000).map { _ in UInt8.random(in: 0...255, using: &generator) }))
      }
      router.add("GET", "/item") { request in
        .now(.cached(for: request, EntityTag(version: 7), cacheControl: "public, max-age=60") { .text(Self.long) })
      }
    }
  }

  private func inflate(_ bytes: [UInt8]) -> String {
    var stream = z_stream()
    inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    defer { inflateEnd(&stream) }
    var output = [UInt8](repeating: 0, count: 100_000)
    var input = bytes
    let count = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        return CZlib.inflate(&stream, Z_FINISH) == Z_STREAM_END ? Int(stream.total_out) : 0
      }
    }
    return String(decoding: output.prefix(count), as: UTF8.self)
  }

  @Test(arguments: ["gzip", "deflate, gzip;q=0.5", "br, *", "GZIP"]) func aLongBodyIsCompressedForThoseWhoAcceptIt(accepts: String) throws {
    let client = try makeServer().client()
    for _ in 0..<3 {
      let response = client.request("GET", "/long", ["Accept-Encoding: \(accepts)"])
      #expect(response?.headers["content-encoding"] == "gzip" && response?.headers["vary"] == "Accept-Encoding")
      #expect((response?.bytes.count ?? .max) < 200 && inflate(response?.bytes ?? []) == Self.long)
    }
  }

  @Test(arguments: ["", "Accept-Encoding: identity", "Accept-Encoding: gzip;q=0", "Accept-Encoding: *;q=0", "Accept-Encoding: gzip;q=0, *"])
  func otherClientsGetItAsItIs(header: String) throws {
    let response = try makeServer().client().request("GET", "/long", header.isEmpty ? [] : [header])
    #expect(response?.headers["content-encoding"] == nil && response?.body == Self.long && response?.headers["vary"] == "Accept-Encoding")
  }

  @Test(arguments: ["/short", "/image", "/plain", "/random"]) func whatIsShortOrDoesNotShrinkOrIsExemptIsNotCompressed(path: String) throws
  {
    let response = try makeServer().client().request("GET", path, ["Accept-Encoding: gzip"])
    #expect(response?.status == 200 && response?.headers["content-encoding"] == nil)
  }

  @Test func headOfACompressedBodySendsItsLength() throws {
    let client = try makeServer().client()
    let get = client.request("GET", "/long", ["Accept-Encoding: gzip"])
    let head = client.request("HEAD", "/long", ["Accept-Encoding: gzip"])
    #expect(head?.status == 200 && head?.headers["content-length"] == get?.headers["content-length"])
    #expect(head?.headers["content-encoding"] == "gzip" && client.get("/short")?.body == "short")
  }

  @Test func responsesAreNotStoredUnlessTheHandlerSaysSo() throws {
    let client = try makeServer().client()
    #expect(client.get("/short")?.headers["cache-control"] == "no-store" && client.get("/short")?.headers["etag"] == nil)
    #expect(client.get("/nowhere")?.headers["cache-control"] == "no-store")
    let item = client.get("/item")
    #expect(item?.headers["cache-control"] == "public, max-age=60" && item?.headers["etag"] == "\"7\"")
  }

  @Test func aClientWithTheSameVersionGetsNoBody() throws {
    let client = try makeServer().client()
    let compressed = client.request("GET", "/item", ["Accept-Encoding: gzip"])?.headers["etag"]
    #expect(compressed == "\"7-gzip\"")
    for tag in ["\"7\"", "W/\"7\"", "\"1\", \"7\"", "*", "\"7-gzip\""] {
      let response = client.request("GET", "/item", ["If-None-Match: \(tag)"])
      #expect(response?.status == 304 && response?.bytes == [] && response?.headers["etag"] == "\"7\"", "\(tag)")
      #expect(response?.headers["cache-control"] == "public, max-age=60" && response?.headers["vary"] == "Accept-Encoding")
    }
    for tag in ["\"8\"", "\"77\"", "W/\"\""] { #expect(client.request("GET", "/item", ["If-None-Match: \(tag)"])?.status == 200, "\(tag)") }
  }

  @Test func onlyStrongTagsAllowAChange() {
    let tag = EntityTag("e7-v12")
    #expect(tag.matches(ifMatch: "\"e7-v12\"") && tag.matches(ifMatch: "\"x\", \"e7-v12-gzip\"") && tag.matches(ifMatch: "*"))
    #expect(!tag.matches(ifMatch: "W/\"e7-v12\"") && !tag.matches(ifMatch: "\"e7-v1\"") && !tag.matches(ifMatch: ""))
    #expect(EntityTag("a\"b\r\nc").description == "\"a_b__c\"")
    #expect(EntityTag(of: [1, 2]) == EntityTag(of: [1, 2]) && EntityTag(of: [1, 2]) != EntityTag(of: [2, 1]))
  }
}
