extension S3Store {
  public func list(_ prefix: String, after: ObjectListing.Cursor?, limit: Int) throws(ObjectStoreError) -> ObjectListing {
    let start = address.prefix.isEmpty ? "" : address.prefix + "/"
    var query = ["list-type": "2", "encoding-type": "url", "max-keys": "\(min(max(limit, 1), 1_000))"]
    if !(start + prefix).isEmpty { query["prefix"] = start + prefix }
    if let after { query["continuation-token"] = after.text }
    let response = try perform(try S3Request(.get, address, query: query), address.description)
    guard let document = response.document, document.name == "ListBucketResult" else {
      throw ObjectStoreError(.refused, "\(address): the answer is no list of objects; is this the address of an S3 server?")
    }
    let isEncoded = document["EncodingType"] == "url"
    let objects = document.all("Contents").compactMap { element -> ObjectInfo? in
      let name = element["Key"] ?? ""
      // Objects with other names, such as the marks of empty folders that some programs make, are none of a store's.
      guard let text = isEncoded ? PercentEncoding.decode(name) : name, text.utf8.starts(with: start.utf8),
        let key = try? ObjectKey(String(decoding: text.utf8.dropFirst(start.utf8.count), as: UTF8.self))
      else { return nil }
      return ObjectInfo(
        key: key, bytes: Int(element["Size"] ?? "") ?? 0, modifiedMilliseconds: StoreTime.milliseconds(iso: element["LastModified"] ?? ""),
        tag: element["ETag"] ?? "")
    }
    let next = document["IsTruncated"] == "true" ? document["NextContinuationToken"] : nil
    return ObjectListing(objects: objects, next: next.flatMap { $0.isEmpty ? nil : .init(text: $0) })
  }

  public func removeUnfinishedUploads(olderThan age: Duration) throws(ObjectStoreError) -> Int {
    let latest = Self.nowMilliseconds() - Int64(age.components.seconds) * 1_000
    let start = address.prefix.isEmpty ? "" : address.prefix + "/"
    var markers: [String: String] = [:]
    var removed = 0
    while true {
      var query = markers.merging(["uploads": "", "encoding-type": "url"]) { $1 }
      if !start.isEmpty { query["prefix"] = start }
      let response = try perform(try S3Request(.get, address, query: query), address.description)
      guard let document = response.document, document.name == "ListMultipartUploadsResult" else {
        throw ObjectStoreError(.refused, "\(address): the answer is no list of uploads")
      }
      func decoded(_ text: String?) -> String? { document["EncodingType"] == "url" ? text.flatMap { PercentEncoding.decode($0) } : text }
      for upload in document.all("Upload") {
        guard let text = decoded(upload["Key"]), text.utf8.starts(with: start.utf8), let id = upload["UploadId"],
          StoreTime.milliseconds(iso: upload["Initiated"] ?? "") <= latest,
          let key = try? ObjectKey(String(decoding: text.utf8.dropFirst(start.utf8.count), as: UTF8.self))
        else { continue }
        try abortUpload(key, id)
        removed += 1
      }
      guard document["IsTruncated"] == "true", let key = decoded(document["NextKeyMarker"]), !key.isEmpty else { return removed }
      markers = ["key-marker": key]
      if let id = document["NextUploadIdMarker"], !id.isEmpty { markers["upload-id-marker"] = id }
    }
  }

  func abortUpload(_ key: ObjectKey, _ id: String) throws(ObjectStoreError) {
    _ = try perform(try S3Request(.delete, address, key, query: ["uploadId": id]), subject(key), accepting: [200, 204, 404])
  }
}
