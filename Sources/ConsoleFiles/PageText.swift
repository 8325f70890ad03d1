/// The parts of the console's page as they stand in `Resources`, compiled into the program so that one copied file is complete.
public enum PageText {
  /// The page, with `{{style}}` and `{{script}}` where the other parts go.
  public static let markup = String(decoding: PackageResources.console_html, as: UTF8.self)
  public static let style = String(decoding: PackageResources.console_css, as: UTF8.self)
  public static let script =
    String(decoding: PackageResources.console_js, as: UTF8.self) + String(decoding: PackageResources.lookups_js, as: UTF8.self)
}
