import './base.css';
import './pages.css';
import './lists.css';
import './lab.css';
