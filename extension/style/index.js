import './base.css';
import './pages.css';
import './lab.css';
