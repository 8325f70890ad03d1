/// The second model.
public struct ShadowModel: Sendable {
  public internal(set) var model: InstalledModel
  var index: ItemIndex
  /// The live epoch after which it was trained; it is compared with that one only.
  var epoch: UInt32 = 0
}
